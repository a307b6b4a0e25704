"""The configuration."""

from __future__ import annotations

from collections.abc import Iterator

from edgecls.config import load
from edgecls.doctor.findings import Finding, Patient, failed, passed
from edgecls.errors import ConfigError


def config(patient: Patient) -> Iterator[Finding]:
    """Whether the file can be used at all; models, cameras and broker are looked at later."""
    file = patient.file
    try:
        found = load(file)
    except ConfigError as error:
        remedy = f"mend the file until `edgecls check-config -c {file}` says that it is fine"
        if not file.exists():
            remedy = "name a configuration with -c, or begin with configs/edgecls.toml"
        yield failed("config", str(error).removeprefix(f"{file}: "), remedy, str(file))
        return
    cameras, watches = len(found.cameras), len(found.watches)
    broker = "a broker" if found.mqtt is not None else "no broker"
    yield passed("config", f"{cameras} cameras, {watches} watches, {broker}", str(file))
