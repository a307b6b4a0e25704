"""Builds the watches of a configuration: models found and loaded, one engine per model."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edgecls import pipeline
from edgecls.catalogue import find_model
from edgecls.decision.decider import Decider
from edgecls.delivery.session import check as check_broker
from edgecls.errors import DelegateError, ModelError
from edgecls.pixels import View
from edgecls.settings import Config, ModelSettings, WatchSettings
from edgecls.snapshots import Snapshots
from edgecls.sources import check_source
from edgecls.vision.engine import Engine, Reading, read, refuse_delegate
from edgecls.vision.eye import Eye
from edgecls.vision.first_load import first_load
from edgecls.vision.model_file import ModelFile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AssembledWatch:
    """One watch with all that it needs."""

    camera: str
    model: str  # the name that the configuration calls it by
    settings: WatchSettings
    engine: Engine
    eye: pipeline.Engine
    view: View
    decider: Decider
    snapshots: Snapshots
    stands_in: bool = False  # its model takes the place of one whose delegate is not there

    @property
    def topics(self) -> Sequence[tuple[str, str]]:
        """The (label, slug) that have a topic of their own: those of `labels`."""
        return [(each.label, each.slug) for each in self.decider.watched or ()]

    def for_pipeline(self) -> pipeline.Watch:
        """What the loop needs of it."""
        inside = f"an invoke of {self.model}"
        return pipeline.Watch(self.eye, self.decider, self.snapshots, inside)


class Assembler:
    """Builds watches; those of one model share its engine. For one thread at a time."""

    def __init__(self, config: Config, state_dir: Path | None) -> None:
        """With a `state_dir`, a model that this machine has not loaded before is first loaded in a
        process of its own, so that a file which crashes the runtime does not take us along."""
        self._config, self._state_dir = config, state_dir
        self._engines: dict[ModelSettings, Engine] = {}

    def watch(self, name: str, settings: WatchSettings) -> AssembledWatch:
        """A watch by its settings. Raises ConfigError or ModelError."""
        engine, stands_in = self._engine(settings.model)
        settings = _advised(settings, engine.model)
        region = (0.0, 0.0, 1.0, 1.0) if settings.region is None else tuple(settings.region)
        view = View(engine.width, engine.height, region, settings.resize)  # type: ignore[arg-type]
        decider = Decider(name, settings.model, engine.labels, settings, sigmoid=engine.sigmoid)
        return AssembledWatch(
            only_camera(self._config, settings), settings.model, settings, engine,
            Eye(engine, view), view, decider, Snapshots(view, at_start=settings.snapshot),
            stands_in,
        )  # fmt: skip

    def forget_unused(self, watches: Iterable[AssembledWatch]) -> None:
        """Let go of the engines that none of these watches uses."""
        used = [watch.engine for watch in watches]
        self._engines = {m: engine for m, engine in self._engines.items() if engine in used}

    def _engine(self, model: str) -> tuple[Engine, bool]:
        """The engine of a model; or of its fallback, where its delegate is not there (True)."""
        settings = model_settings(self._config, model)
        try:
            return self._loaded(settings), False
        except DelegateError as error:
            if settings.fallback is None:
                raise
            fallback = self._loaded(fallback_settings(self._config, settings))
            log.warning("model %s: %s; %s takes its place", model, error, settings.fallback)
            return fallback, True

    def _loaded(self, settings: ModelSettings) -> Engine:
        if settings not in self._engines:
            self._engines[settings] = load_engine(settings, self._state_dir)
        return self._engines[settings]


def check(config: Config) -> tuple[Config, list[str]]:
    """All that `assemble` would find wrong, without a runtime.

    Returns the configuration with what the models have to say, and their warnings.
    """
    watches, warnings = {}, unheeded(config)
    for name, camera in config.cameras.items():
        check_source(name, camera, config.base)
    if config.mqtt is not None:
        check_broker(config.mqtt, config.base)
    for name, settings in config.watches.items():
        reading = _reading(config, settings.model)
        watches[name] = _advised(settings, reading.model)
        Decider(name, settings.model, reading.labels, watches[name], sigmoid=reading.sigmoid)
        warnings += [f"model {settings.model}: {warning}" for warning in reading.warnings]
    return replace(config, watches=watches), warnings


def _reading(config: Config, model: str) -> Reading:
    settings = model_settings(config, model)
    try:
        return _read(settings)
    except DelegateError:
        if settings.fallback is None:
            raise
        return _read(fallback_settings(config, settings))


def _read(model: ModelSettings) -> Reading:
    reading = read(
        model.file,
        labels=model.labels_file,
        activation=model.activation,
        temperature=model.temperature,
        mean=model.mean,
        std=model.std,
    )
    refuse_delegate(model.file, model.delegate, reading.model)
    return reading


def _advised(settings: WatchSettings, model: ModelFile) -> WatchSettings:
    return replace(settings, decision=settings.decision.advised(model.metadata.min_score))


def unheeded(config: Config) -> list[str]:
    """A sentence for each key that is set and has no effect yet: silence would be a lie."""
    tables = [
        (f"watches.{name}", watch, ("shadow", "collect")) for name, watch in config.watches.items()
    ]
    return [
        f"[{place}] {key} has no effect in this version"
        for place, table, keys in tables
        for key in keys
        if getattr(table, key)
    ]


def model_settings(config: Config, model: str) -> ModelSettings:
    """`[models.NAME]`, or the defaults for a model that a watch names directly; paths absolute."""
    settings = config.models.get(model) or ModelSettings(file=model)
    place = f"[models.{model}] file" if model in config.models else "[watches] model"
    try:
        file = str(find_model(settings.file, config.base))
    except ModelError as error:
        raise ModelError(f"{place}: {error}") from error
    labels_file = settings.labels_file and str(config.base / settings.labels_file)
    return replace(settings, file=file, labels_file=labels_file)


def fallback_settings(config: Config, settings: ModelSettings) -> ModelSettings:
    """The model that takes the place of one whose delegate is not there; on the CPU."""
    assert settings.fallback is not None
    if settings.fallback in config.models:
        return replace(model_settings(config, settings.fallback), delegate="cpu", fallback=None)
    try:
        file = str(find_model(settings.fallback, config.base))
    except ModelError as error:
        raise ModelError(f"[models] fallback: {error}") from error
    return replace(settings, file=file, delegate="cpu", fallback=None)


def only_camera(config: Config, settings: WatchSettings) -> str:
    """The camera of a watch: the one it names, or the only one there is."""
    return settings.camera or next(iter(config.cameras))


def load_engine(model: ModelSettings, state_dir: Path | None) -> Engine:
    """The engine of a model. Raises ModelError."""
    file = Path(model.file)
    remembered = None if state_dir is None else state_dir / "loaded-models"
    engine = Engine(
        file,
        labels_file=model.labels_file and Path(model.labels_file),
        threads=model.threads,
        activation=model.activation,
        temperature=model.temperature,
        mean=model.mean,
        std=model.std,
        delegate=model.delegate,
        prove=None if remembered is None else partial(first_load, remembered=remembered),
    )
    for warning in engine.warnings:
        log.warning("model %s: %s", file.stem, warning)
    return engine


def views_of(camera: str, watches: Mapping[str, AssembledWatch]) -> Sequence[View]:
    """What the watches of a camera look at."""
    return [watch.view for watch in watches.values() if watch.camera == camera]
