"""What boards tell of themselves, and that others say nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgecls.service.board import Throttling, board_facts, power_report, vitals
from tests.service.boards import PI, board

RSS_MB = round(20000 * os.sysconf("SC_PAGESIZE") / 1e6, 1)


def test_a_pi_tells_all(tmp_path: Path) -> None:
    root = board(tmp_path, PI, throttled="throttled=0x0")
    assert board_facts(root) == {"board": "Raspberry Pi 5 Model B Rev 1.0", "memory_mb": 4245.5}
    assert vitals(root) == {
        "soc_temp_c": 61.2, "throttled": False, "under_voltage": False,
        "memory_free_mb": 2048.0, "rss_mb": RSS_MB,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("bits", "throttled", "under_voltage"),
    [
        ("0x50005", True, True), ("0x1", False, True), ("0x80008", True, False),
        ("0x2", True, False), ("0xd0000", False, False),
    ],
)  # fmt: skip
def test_the_bits_of_the_moment_count(
    bits: str, throttled: bool, under_voltage: bool, tmp_path: Path
) -> None:
    told = vitals(board(tmp_path, PI, throttled=f"throttled={bits}"))
    assert (told["throttled"], told["under_voltage"]) == (throttled, under_voltage)


def test_what_was_since_the_boot_is_told_apart(tmp_path: Path) -> None:
    power = power_report(board(tmp_path, PI, throttled="throttled=0x50000"))
    assert power is not None
    assert power.now == Throttling(0)
    assert power.since_boot == Throttling.UNDER_VOLTAGE | Throttling.THROTTLED


@pytest.mark.parametrize(("alarm", "expected"), [("1\n", True), ("0\n", False)])
def test_without_the_firmware_the_kernel_knows_the_voltage_alone(
    alarm: str, expected: bool, tmp_path: Path
) -> None:
    files = PI | {"sys/class/hwmon/hwmon2/in0_lcrit_alarm": alarm}
    told = vitals(board(tmp_path, files))
    assert "throttled" not in told
    assert told["under_voltage"] is expected


def test_a_firmware_that_we_may_not_ask_says_nothing(tmp_path: Path) -> None:
    root = board(tmp_path, {}, throttled="Can't open device file: /dev/vcio")
    assert power_report(root) is None
    assert vitals(root) == {}


def test_the_zone_of_the_processor_is_taken_not_the_first(tmp_path: Path) -> None:
    zones = {
        "sys/class/thermal/thermal_zone0/type": "iwlwifi_1\n",
        "sys/class/thermal/thermal_zone0/temp": "30000\n",
        "sys/class/thermal/thermal_zone3/type": "x86_pkg_temp\n",
        "sys/class/thermal/thermal_zone3/temp": "-1500\n",
    }
    assert vitals(board(tmp_path, zones)) == {"soc_temp_c": -1.5}


def test_a_machine_that_tells_nothing_has_a_name_all_the_same(tmp_path: Path) -> None:
    assert board_facts(tmp_path) == {"board": f"{os.uname().sysname} {os.uname().machine}"}
    assert vitals(tmp_path) == {}


def test_nonsense_is_not_told(tmp_path: Path) -> None:
    files = dict.fromkeys(PI, "nonsense")
    assert set(vitals(board(tmp_path, files, throttled="throttled=yes"))) == set()


def test_this_machine_tells_its_memory() -> None:
    told = vitals()
    assert isinstance(told["rss_mb"], float)
    assert told["rss_mb"] > 1
    assert isinstance(told["memory_free_mb"], float)
