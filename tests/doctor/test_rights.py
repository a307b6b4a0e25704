"""Asked by root, a device is judged for the service, which is not root."""

from __future__ import annotations

import grp
import os
from pathlib import Path

import pytest

from edgecls.doctor.rights import usable
from tests.doctor.patients import without_rights


@pytest.fixture
def device(tmp_path: Path) -> Path:
    device = tmp_path / "video0"
    device.touch()
    return device


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(
    ("group", "mode", "expected"),
    [
        ("video", 0o660, True),
        ("video", 0o640, False),
        ("root", 0o660, False),
        ("root", 0o666, True),
    ],
)
def test_the_groups_of_the_service_count(
    group: str, mode: int, expected: bool, device: Path
) -> None:
    os.chown(device, 0, grp.getgrnam(group).gr_gid)
    device.chmod(mode)
    assert usable(device, service_user="nobody") is expected


def test_without_the_service_it_is_about_us(device: Path) -> None:
    device.chmod(0o600)
    assert usable(device, service_user="no-such-user")
    device.chmod(0)
    with without_rights(device.parent):
        assert not usable(device, service_user="no-such-user")
