"""Facts about the board, from the kernel's files; what a machine does not tell is absent."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_DEVICE_TREE_MODEL = Path("/proc/device-tree/model")
_SOC_TEMPERATURE = Path("/sys/class/thermal/thermal_zone0/temp")
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")


def board_model() -> str:
    """`Raspberry Pi 5 Model B Rev 1.0` on a Pi; elsewhere the system and the processor."""
    told = _read(_DEVICE_TREE_MODEL)
    return told.rstrip("\0\n") if told else f"{platform.system()} {platform.machine()}"


def vitals() -> dict[str, object]:
    """Resident memory in MB; temperature of the SoC and throttling where the board tells them."""
    facts: dict[str, object] = {}
    if (millidegrees := _read(_SOC_TEMPERATURE)) and millidegrees.strip().lstrip("-").isdecimal():
        facts["soc_temp_c"] = round(int(millidegrees) / 1000, 1)
    if (bits := _read(_THROTTLED)) and bits.strip().isalnum():
        facts["throttled"] = bool(int(bits, 16) & 0xF)  # the low bits: now; the high: since boot
    if statm := _read(Path("/proc/self/statm")):
        facts["rss_mb"] = round(int(statm.split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6, 1)
    return facts


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return None
