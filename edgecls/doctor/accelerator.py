"""The Edge TPU: its library, the device, the right to use it, and versions that match."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edgecls.builds import model_settings
from edgecls.doctor.child import ask
from edgecls.doctor.findings import (
    NO_CONFIG,
    Finding,
    Patient,
    ProbeError,
    failed,
    passed,
    skipped,
)
from edgecls.doctor.rights import usable
from edgecls.errors import ModelError
from edgecls.settings import Config
from edgecls.vision.delegates import LIBRARY, edge_tpus, libraries, unfit
from edgecls.vision.model_file import read_model

_PACKAGES = ("libedgetpu1-std", "libedgetpu1-max")
_ASKING_S = 10.0


def edge_tpu(patient: Patient) -> Iterator[Finding]:
    """All of it, where a model asks for one."""
    config = patient.config
    if config is None:
        yield skipped("edge_tpu", NO_CONFIG)
        return
    devices = _devices(patient.root)
    wanting = [model for model in _models(config) if _wants(config, model)]
    if not wanting:
        there = f"; there is one: {', '.join(map(str, devices))}" if devices else ""
        yield skipped("edge_tpu", f"no model asks for an Edge TPU{there}")
        return
    yield _library(patient.root)
    yield from _usable(devices)
    yield _version()


def _models(config: Config) -> list[str]:
    return list(dict.fromkeys(watch.model for watch in config.watches.values()))


def _wants(config: Config, model: str) -> bool:
    with suppress(ModelError):  # that has a finding of its own
        settings = model_settings(config, model)
        return settings.delegate.startswith("edgetpu") or read_model(Path(settings.file)).edge_tpu
    return False


def _library(root: Path) -> Finding:
    remedy = (
        "install the package libedgetpu1-std, in a build for the runtime that is installed here"
    )
    found = libraries(root)
    for library in found:
        if unfit(library) is None:
            return passed("edge_tpu_library", str(library))
    if found:
        return failed("edge_tpu_library", str(unfit(found[0])), remedy, str(found[0]))
    return failed("edge_tpu_library", f"{LIBRARY} is not installed", remedy)


def _devices(root: Path) -> list[Path]:
    """The device files of every Edge TPU, on USB and on PCIe."""
    if root == Path("/"):
        with suppress(ProbeError):  # pycoral may crash; the kernel's list does not
            return [Path(device) for device in ask("edge_tpus", limit_s=_ASKING_S)["devices"]]
    return [tpu.device for tpu in edge_tpus(root)]


def _usable(devices: list[Path]) -> Iterator[Finding]:
    if not devices:
        remedy = "plug it into a USB 3 port with a cable that carries data, or see `lspci -nn`"
        yield failed("edge_tpu_device", "neither on USB nor on PCIe", remedy)
        yield skipped("edge_tpu_permission", "there is no Edge TPU")
        return
    yield passed("edge_tpu_device", ", ".join(map(str, devices)))
    for device in devices:
        if usable(device):
            yield passed("edge_tpu_permission", "it may be used", str(device))
        else:
            group = "apex" if device.name.startswith("apex") else "plugdev"
            remedy = f"let the user into its group: sudo usermod -aG {group} USER"
            yield failed("edge_tpu_permission", "it may not be used", remedy, str(device))


def _version() -> Finding:
    """The library's package tells; whether it suits the runtime, the first invoke says."""
    try:
        said = subprocess.run(
            ["dpkg-query", "--show", *_PACKAGES],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=_ASKING_S,
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    packages = ", ".join(" ".join(line.split()) for line in said.splitlines() if line.split()[1:])
    where = packages or "no Debian package has it"
    return skipped("edge_tpu_version", f"{where}: first_invoke shows whether it suits the runtime")
