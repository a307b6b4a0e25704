"""The broker's password comes from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecls.errors import ConfigError
from edgecls.passwords import read_password


def test_only_the_newline_at_the_end_of_a_password_goes(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b" p w \r\n")
    file.chmod(0o600)
    assert read_password(str(file), tmp_path, "[mqtt]") == " p w "


def test_a_bare_name_is_a_credential_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mqtt").write_text("from systemd")
    (tmp_path / "mqtt").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_password("mqtt", Path("/nowhere"), "[mqtt]") == "from systemd"


def test_a_folder_of_credentials_gives_each_file_its_name_behind_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "edgecls_mqtt").write_text("from systemd")
    (tmp_path / "edgecls_mqtt").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_password("mqtt", Path("/nowhere"), "[mqtt]") == "from systemd"


def test_without_systemd_the_folder_that_it_would_have_read_serves(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "mqtt").write_text("from the service's folder")
    (tmp_path / "credentials" / "mqtt").chmod(0o600)
    assert read_password("mqtt", tmp_path, "[mqtt]") == "from the service's folder"


def test_a_password_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 640"):
        read_password(str(file), tmp_path, "[mqtt]")


def test_a_missing_password_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.*there is no such file"):
        read_password("nowhere", tmp_path, "[mqtt]")
