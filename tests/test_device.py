"""The name of the board in topics."""

from __future__ import annotations

import pytest

from edgecls.device import device_id
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
