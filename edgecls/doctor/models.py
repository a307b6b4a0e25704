"""Models: their files and labels, and what the runtime makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edgecls.builds import model_settings
from edgecls.checking import check, running_otherwise
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
from edgecls.errors import ConfigError, ModelError
from edgecls.vision.model_file import read_model

_LOADING_S = 120.0  # as long as the daemon gives a model's first load
_GOLDEN = ("clear", "dark", "covered", "blurred", "overexposed")


def model(patient: Patient) -> Iterator[Finding]:
    """The model and the labels of each watch."""
    config = patient.config
    if config is None:
        yield skipped("model", NO_CONFIG)
        return
    otherwise = running_otherwise(config)
    for name, watch in config.watches.items():
        alone = replace(config, cameras={}, mqtt=None, watches={name: watch})
        try:
            _, warnings = check(alone)
            settings = model_settings(config, watch.model)
            file = read_model(Path(settings.file), settings.delegate)
        except (ConfigError, ModelError) as error:
            remedy = f"mend model, labels or groups of [watches.{name}], or install the model"
            yield failed("model", str(error), remedy, name)
            continue
        facts = f"{file.path.name}: {file.width}x{file.height}, {file.classes} classes"
        told = [otherwise[name]] if name in otherwise else []
        yield passed("model", "; ".join([facts, *warnings, *told]), name)


def golden_picture(_: Patient) -> Iterator[Finding]:
    """Whether the runtime computes on this processor what it computes elsewhere."""
    remedy = "install another version of the runtime: this one does not suit the processor"
    try:
        seen = ask("golden", *_GOLDEN, limit_s=_LOADING_S)["seen"]
    except ProbeError as error:
        yield failed("golden_picture", str(error), remedy)
        return
    wrong = [f"{there['label']} for {label}" for label, there in seen.items()
             if there["label"] != label]  # fmt: skip
    if wrong:
        yield failed("golden_picture", f"camera_health_v1 says {', '.join(wrong)}", remedy)
    else:
        scores = ", ".join(f"{label} {there['score']:.2f}" for label, there in seen.items())
        yield passed("golden_picture", f"camera_health_v1 says {scores}")


def first_invoke(patient: Patient) -> Iterator[Finding]:
    """Each model of the configuration, loaded and run in a process of its own."""
    config = patient.config
    if config is None:
        yield skipped("first_invoke", NO_CONFIG)
        return
    for name in dict.fromkeys(watch.model for watch in config.watches.values()):
        try:
            took = ask("invoke", str(patient.file), name, limit_s=_LOADING_S)
        except ProbeError as error:
            yield failed("first_invoke", str(error), _remedy(error), name)
            continue
        yield passed(
            "first_invoke",
            f"loaded in {took['load_ms']:.0f} ms, first invoke {took['first_ms']:.1f} ms, then "
            f"{took['then_ms']:.1f} ms ({took['delegate']}, {took['runtime']}, threads:"
            f" {took['threads']})" + (f"; {took['proof']}" if took["proof"] else ""),
            name,
        )


def _remedy(error: ProbeError) -> str:
    if error.kind == "DelegateError":
        return (
            "connect the Edge TPU, stop what else uses it (systemctl stop edgecls), or use the CPU "
            'build of the model with delegate = "cpu"'
        )
    if error.kind == "DelegateFault":
        return (
            "plug the Edge TPU in again, at another port; if that does not help, use the CPU build"
        )
    if error.kind:
        return "use a model that the checks before this one accept"
    return "use another build of the model: this one crashes or hangs the runtime"
