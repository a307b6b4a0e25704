"""Facts about the board, from the kernel's files; what a machine does not tell is absent.

`root` is where `/proc`, `/sys` and `/usr` lie.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

ROOT = Path("/")

_VCGENCMD = "usr/bin/vcgencmd"
_ASKING_S = 2.0


class Throttling(IntFlag):
    """Why the firmware of a Raspberry Pi holds the processor back."""

    UNDER_VOLTAGE = 1
    CAPPED = 2
    THROTTLED = 4
    SOFT_TEMPERATURE_LIMIT = 8


SLOWED = Throttling.CAPPED | Throttling.THROTTLED | Throttling.SOFT_TEMPERATURE_LIMIT


@dataclass(frozen=True, slots=True)
class Power:
    """What the firmware says of voltage and heat, at the moment and since the boot."""

    now: Throttling
    since_boot: Throttling


def board_facts(root: Path = ROOT) -> dict[str, object]:
    """What does not change: the model of the board, and its memory in MB."""
    facts: dict[str, object] = {"board": board_model(root)}
    if (total_mb := memory_mb("MemTotal", root)) is not None:
        facts["memory_mb"] = total_mb
    return facts


def board_model(root: Path = ROOT) -> str:
    """`Raspberry Pi 5 Model B Rev 1.0` on a Pi; elsewhere the system and the processor."""
    told = _read(root / "proc/device-tree/model")
    return told.rstrip("\0\n") if told else f"{platform.system()} {platform.machine()}"


def is_raspberry_pi(root: Path = ROOT) -> bool:
    """Whether the device tree says so."""
    return board_model(root).startswith("Raspberry Pi")


def vitals(root: Path = ROOT) -> dict[str, object]:
    """Temperature, throttling, voltage and memory, by the keys of `stats`."""
    power = power_report(root)
    facts: dict[str, object | None] = {
        "soc_temp_c": soc_temp_c(root),
        "throttled": None if power is None else bool(power.now & SLOWED),
        "under_voltage": under_voltage(root, power),
        "memory_free_mb": memory_mb("MemAvailable", root),
        "rss_mb": _rss_mb(root),
    }
    return {key: value for key, value in facts.items() if value is not None}


def soc_temp_c(root: Path = ROOT) -> float | None:
    """Temperature of the processor in °C: of the zone that is called so, else of the first."""
    zones = sorted(root.glob("sys/class/thermal/thermal_zone*"))
    zones.sort(key=lambda zone: not re.search("cpu|soc|pkg", _read(zone / "type") or ""))
    told = (_read(zones[0] / "temp") or "").strip() if zones else ""
    return round(int(told) / 1000, 1) if re.fullmatch(r"-?\d+", told) else None


def power_report(root: Path = ROOT) -> Power | None:
    """What the firmware of a Pi says, by its own program; None elsewhere, and where we may not ask.

    The kernel's file of that name is no way: reading it puts a warning into the kernel's log, and
    newer kernels do not have it.
    """
    program = root / _VCGENCMD
    if not program.exists():
        return None
    try:
        said = subprocess.run(
            [program, "get_throttled"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASKING_S,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    told = re.search(r"throttled=0x([0-9a-fA-F]+)", said)
    if told is None:
        return None
    bits = int(told[1], 16)
    return Power(Throttling(bits & 0xF), Throttling(bits >> 16 & 0xF))


def under_voltage(root: Path = ROOT, power: Power | None = None) -> bool | None:
    """Whether the supply of a Pi is too weak at the moment; None where nobody says."""
    if power is not None:
        return Throttling.UNDER_VOLTAGE in power.now
    for sensor in root.glob("sys/class/hwmon/hwmon*"):
        if (_read(sensor / "name") or "").strip() == "rpi_volt":
            alarm = (_read(sensor / "in0_lcrit_alarm") or "").strip()
            return alarm == "1" if alarm in ("0", "1") else None
    return None


def memory_mb(name: str, root: Path = ROOT) -> float | None:
    """A figure of /proc/meminfo in MB, or None where it is not there."""
    told = re.search(rf"^{name}: +(\d+) kB$", _read(root / "proc/meminfo") or "", re.MULTILINE)
    return None if told is None else round(int(told[1]) * 1024 / 1e6, 1)


def _rss_mb(root: Path) -> float | None:
    pages = (_read(root / "proc/self/statm") or "").split()
    return round(int(pages[1]) * os.sysconf("SC_PAGESIZE") / 1e6, 1) if len(pages) > 1 else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return None
