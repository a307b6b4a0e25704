"""The service, as systemd sees it; and whether a daemon runs for this device."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress

from edgecls.device import device_id, state_dir
from edgecls.doctor.findings import Finding, Patient, failed, passed, skipped
from edgecls.paths import SERVICE_CONFIGS

_ASKING_S = 10.0
_SHOWN = "LoadState,ActiveState,SubState,Result,StatusText,NRestarts"
# Where SQLite holds the lock of a database that is in use; the outbox is locked for good.
_LOCK_AT, _LOCK_BYTES = 0x40000002, 510


def unit_of(patient: Patient) -> str:
    """The unit that runs this configuration: the service, or an instance of it."""
    name = patient.file.stem
    instance = patient.file.parent == SERVICE_CONFIGS and name != "edgecls"
    return f"edgecls@{name}.service" if instance else "edgecls.service"


def service(patient: Patient) -> Iterator[Finding]:
    """Whether it is installed and runs."""
    unit, facts = unit_of(patient), _facts(patient)
    state = facts.get("ActiveState", "")
    if not facts:
        yield skipped("service", "there is no systemd")
    elif facts.get("LoadState") == "not-found":
        yield skipped("service", f"{unit} is not installed")
    elif state in ("active", "reloading"):
        yield passed("service", f"{state}: {facts.get('StatusText') or 'it says nothing'}")
    elif state == "inactive":
        yield skipped("service", f"{unit} is installed and not started")
    else:
        result, restarts = facts.get("Result"), facts.get("NRestarts")
        found = f"{state} ({facts.get('SubState')}): {result}, started again {restarts} times"
        yield failed("service", found, f"see why: journalctl -u {unit} -n 50")


def daemon_runs(patient: Patient) -> bool:
    """Whether a daemon of this configuration runs, as far as we may know."""
    if _facts(patient).get("ActiveState") in ("active", "activating", "reloading"):
        return True
    config = patient.config
    if config is None:
        return False
    device = device_id(config.device)
    outbox = state_dir(config.device, config.base) / f"outbox-{device}.sqlite"
    with suppress(OSError):
        file = os.open(outbox, os.O_RDONLY)
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, _LOCK_BYTES, _LOCK_AT)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
    return False


def _facts(patient: Patient) -> dict[str, str]:
    """What systemd says of the unit; empty where there is no systemd."""
    if not (patient.root / "run/systemd/system").is_dir():
        return {}
    try:
        said = subprocess.run(
            ["systemctl", "show", unit_of(patient), f"--property={_SHOWN}"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=_ASKING_S,
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
