"""The disk and the clock."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from edgecls.delivery.clock import clock_is_synchronised
from edgecls.device import state_dir
from edgecls.doctor.findings import NO_CONFIG, Finding, Patient, failed, passed, skipped
from edgecls.doctor.rights import SERVICE_USER, usable
from edgecls.settings import Config

_WRITES = 10
_PAGE = b"\0" * 4096
# An event is one such write; a second each is a card that is wearing out.
_SLOW_MS = 1000.0


def disk(patient: Patient) -> Iterator[Finding]:
    """Room for the outbox, the right to write, and how long a committed write takes."""
    config = patient.config
    if config is None:
        yield skipped("disk", NO_CONFIG)
        return
    folder = state_dir(config.device, config.base)
    there = _nearest(folder)
    where = f"{folder}" if there == folder else f"{folder} (not made yet; {there} is there)"
    yield _free(there, config, where)
    remedy = f"let the user of the service write there: sudo chown -R {SERVICE_USER}: {folder}"
    if there == folder and not usable(folder):
        yield failed("disk_writable", f"{where}: it may not be written", remedy)
        return
    try:
        took_ms = _written_ms(there)
    except OSError as error:
        yield failed("disk_writable", f"{where}: {error.strerror}", remedy)
        return
    yield passed("disk_writable", where)
    found = f"a committed write takes {took_ms:.1f} ms (median of {_WRITES})"
    if took_ms > _SLOW_MS:
        yield failed("disk_speed", found, "use another card or disk: this one is wearing out")
    else:
        yield passed("disk_speed", found)


def clock(_: Patient) -> Iterator[Finding]:
    """Whether the time that events carry can be believed."""
    now = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    if clock_is_synchronised():
        yield passed("clock", f"synchronised: {now}")
        return
    yield failed(
        "clock",
        f"not synchronised by NTP, as far as anybody can tell: {now}",
        "run `sudo timedatectl set-ntp true` and see that the board reaches a time server; until"
        " then events say that their time cannot be trusted",
    )


def _nearest(folder: Path) -> Path:
    """The folder, or the one above it that exists: the service makes the rest."""
    return next((each for each in (folder, *folder.parents) if each.is_dir()), Path("/"))


def _free(there: Path, config: Config, where: str) -> Finding:
    free_mb = shutil.disk_usage(there).free / 1e6
    found = f"{free_mb:.0f} MB free in {where}"
    wanted_mb = config.outbox.max_mb + config.replay.max_mb + _pictures_mb(config)
    if free_mb < wanted_mb:
        remedy = "free some room, or lower max_mb in [outbox], [replay] or [collect]"
        kept = "outbox, scores and pictures" if _pictures_mb(config) else "outbox and scores"
        return failed("disk_free", f"{found}; {kept} may take {wanted_mb}", remedy)
    return passed("disk_free", found)


def _pictures_mb(config: Config) -> int:
    """What pictures may take, where the configuration lets any be kept."""
    asked = config.mqtt is not None and "collect" in config.mqtt.commands
    kept = asked or any(watch.collect for watch in config.watches.values())
    return config.collect.max_mb if kept else 0


def _written_ms(folder: Path) -> float:
    """The median time of a synchronous write. Raises OSError."""
    took_ms = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_WRITES):
            began = time.perf_counter()
            file.write(_PAGE)
            file.flush()
            os.fsync(file.fileno())
            took_ms.append((time.perf_counter() - began) * 1e3)
    return sorted(took_ms)[_WRITES // 2]
