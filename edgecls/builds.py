"""Which file is meant by a model: its own, its fallback's, or that of its build for the CPU."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from edgecls.catalogue import find_model, pair_of
from edgecls.errors import ModelError
from edgecls.settings import Config, ModelSettings
from edgecls.vision.model_file import read_model


def model_settings(config: Config, model: str) -> ModelSettings:
    """`[models.NAME]`, or the defaults for a model that a watch names directly; paths absolute."""
    settings = config.models.get(model) or ModelSettings(file=model)
    try:
        file = str(find_model(settings.file, config.base))
    except ModelError as error:
        raise ModelError(f"{_place(config, model)}: {error}") from error
    labels_file = settings.labels_file and str(config.base / settings.labels_file)
    return replace(settings, file=file, labels_file=labels_file)


def _place(config: Config, model: str) -> str:
    """The key that names a file, or a model without a table of its own."""
    if model in config.models:
        return f"[models.{model}] file"
    for name, watch in config.watches.items():
        if model in (watch.model, watch.shadow):
            return f"[watches.{name}] {'model' if model == watch.model else 'shadow'}"
    return "[watches] model"


def fallback_settings(config: Config, settings: ModelSettings) -> ModelSettings | None:
    """The model that takes the place of one whose delegate is not there, on the CPU: the one that
    is named, else its own CPU build where that is installed."""
    named = settings.fallback
    if named is None:
        return pair_settings(settings)
    if named in config.models:
        return replace(model_settings(config, named), delegate="cpu", fallback=None)
    try:
        file = str(find_model(named, config.base))
    except ModelError as error:
        raise ModelError(f"[models] fallback: {error}") from error
    return replace(settings, file=file, delegate="cpu", fallback=None)


def pair_settings(settings: ModelSettings) -> ModelSettings | None:
    """The CPU build of a model that is compiled for the Edge TPU, beside it or installed."""
    file = Path(settings.file)
    if _holds_both(file, settings.delegate):
        return replace(settings, delegate="cpu", fallback=None)
    name = pair_of(file.stem)
    if name is None:
        return None
    pair = file.with_name(f"{name}.tflite")
    if not pair.is_file():
        try:
            pair = find_model(name, file.parent)
        except ModelError:
            return None
    if not _same_classes(file, pair):
        return None
    return replace(settings, file=str(pair), delegate="cpu", fallback=None)


def _holds_both(file: Path, delegate: str) -> bool:
    """Whether it is a zip with a build for each: the delegate says which one is meant."""
    with suppress(ModelError):  # whoever reads it says what is wrong
        return (
            file.suffix == ".zip"
            and read_model(file, delegate).edge_tpu
            and not read_model(file, "cpu").edge_tpu
        )
    return False


def _same_classes(compiled: Path, pair: Path) -> bool:
    """Whether one may be a build of the other; whoever reads them says what is wrong with them."""
    with suppress(ModelError):
        return read_model(compiled).classes == read_model(pair).classes
    return True
