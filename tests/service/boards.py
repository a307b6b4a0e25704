"""Boards as folders: what their kernels show in /proc and /sys, and a firmware that answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PI = {
    "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "proc/meminfo": "MemTotal:        4146000 kB\nMemAvailable:    2000000 kB\n"
    "CmaTotal:          65536 kB\nCmaFree:           60000 kB\n",
    "proc/self/statm": "50000 20000 5000 1 0 9000 0\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "61250\n",
    "sys/class/hwmon/hwmon1/name": "cpu_thermal\n",
    "sys/class/hwmon/hwmon2/name": "rpi_volt\n",
    "sys/class/hwmon/hwmon2/in0_lcrit_alarm": "0\n",
}


def board(root: Path, files: Mapping[str, str], *, throttled: str | None = None) -> Path:
    """`root` with these files; `throttled`: what the firmware of a Pi answers."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    if throttled is not None:
        program = root / "usr/bin/vcgencmd"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n[ $1 = get_throttled ] && echo '{throttled}'\n")
        program.chmod(0o755)
    return root
