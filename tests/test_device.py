"""The name of the board in topics."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecls.device import device_id, state_dir
from edgecls.errors import ConfigError
from edgecls.settings import DeviceSettings


def test_an_instance_of_the_unit_is_a_device_unless_the_file_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGECLS_INSTANCE", "porch")
    assert device_id(DeviceSettings()) == "porch"
    assert device_id(DeviceSettings(id="hall")) == "hall"


def test_an_instance_that_is_no_slug_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECLS_INSTANCE", "Front")
    with pytest.raises(ConfigError, match="edgecls@Front cannot be the id"):
        device_id(DeviceSettings())


def test_a_relative_folder_of_the_environment_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", "here")
    assert state_dir(DeviceSettings(), tmp_path) == tmp_path / ".local/state/edgecls"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "there"))
    assert state_dir(DeviceSettings(), tmp_path) == tmp_path / "there/edgecls"


def test_without_a_home_it_says_which_key_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(_: int) -> None:
        raise KeyError("no such user")

    monkeypatch.setattr("pwd.getpwuid", nowhere)
    for name in ("HOME", "XDG_STATE_HOME", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="state_dir is not set"):
        state_dir(DeviceSettings(), tmp_path)
