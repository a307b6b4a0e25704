"""Builds the watches of a configuration: models found and loaded, one engine per model."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgecls import pipeline
from edgecls.decision.decider import Decider
from edgecls.delivery.session import check as check_broker
from edgecls.domain import EndReason, Outcome
from edgecls.engines import Engines, model_settings, reading_of
from edgecls.errors import ConfigError, ModelError
from edgecls.pixels import View
from edgecls.scores.recorder import Recorder
from edgecls.scores.track import Origin, Track
from edgecls.settings import Config, WatchSettings
from edgecls.snapshots import Snapshots
from edgecls.sources import check_source, has_media_time, is_live
from edgecls.turns import Turns, WatchTurn
from edgecls.vision.engine import Engine
from edgecls.vision.eye import Eye
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
    stands_in: str | None = None  # why its model takes the place of one for an accelerator
    onlookers: Sequence[pipeline.Onlooker] = ()

    @property
    def topics(self) -> Sequence[tuple[str, str]]:
        """The (label, slug) that have a topic of their own: those of `labels`."""
        return [(each.label, each.slug) for each in self.decider.watched or ()]

    def turn(self) -> WatchTurn:
        """Its place among those that take turns: a new one."""
        return WatchTurn(self.camera, self.settings.max_fps, self.settings.enabled)

    def gone(self, reason: EndReason, turns: Turns) -> Outcome:
        """Nobody looks any more, from now on: what is to be told."""
        return self.decider.gone(reason, turns.moment(self.camera))

    def for_pipeline(self) -> pipeline.Watch:
        """What the loop needs of it."""
        inside = f"an invoke of {self.model}"
        return pipeline.Watch(
            self.eye, self.decider, self.snapshots, inside, onlookers=self.onlookers
        )


class Assembler:
    """Builds the watches of one configuration. For one thread at a time."""

    def __init__(self, config: Config, engines: Engines, scores: Recorder | None = None) -> None:
        """With `scores`, those of live cameras are kept for a replay."""
        self._config, self._engines, self._scores = config, engines, scores

    def watch(self, name: str, settings: WatchSettings) -> AssembledWatch:
        """A watch by its settings. Raises ConfigError or ModelError."""
        engine, stands_in = self._engines.of(self._config, settings.model)
        settings = _advised(settings, engine.model)
        region = (0.0, 0.0, 1.0, 1.0) if settings.region is None else tuple(settings.region)
        view = View(engine.width, engine.height, region, settings.resize)  # type: ignore[arg-type]
        camera = only_camera(self._config, settings)
        decider = Decider(
            name, settings.model, engine.labels, settings,
            sigmoid=engine.sigmoid, witness=self._track(name, camera, settings, engine),
        )  # fmt: skip
        return AssembledWatch(
            camera, settings.model, settings, engine,
            Eye(engine, view), view, decider, Snapshots(view, at_start=settings.snapshot),
            stands_in,
        )  # fmt: skip

    def _track(
        self, name: str, camera: str, settings: WatchSettings, engine: Engine
    ) -> Track | None:
        """A file that is gone through as fast as it can be tells nothing of how a watch does."""
        source = self._config.cameras[camera]
        if self._scores is None or not is_live(source):
            return None
        model = model_settings(self._config, settings.model)
        media = has_media_time(source)
        origin = Origin(name, settings.model, engine.network, model, engine.labels, media=media)
        return self._scores.track(origin)


def assembled(
    config: Config, in_file: Config, assembler: Assembler
) -> tuple[Config, dict[str, AssembledWatch]]:
    """The watches of a configuration with what was set over MQTT; as the file says, where that
    cannot be had. And the configuration that came of it. Raises ConfigError or ModelError."""
    watches, settings = {}, dict(config.watches)
    for name, wanted in config.watches.items():
        try:
            watches[name] = assembler.watch(name, wanted)
        except (ConfigError, ModelError) as error:
            # A camera that was switched off stays so, whatever else cannot be had.
            settings[name] = replace(in_file.watches[name], enabled=wanted.enabled)
            if settings[name] == wanted:
                raise
            watches[name] = assembler.watch(name, settings[name])
            log.warning("%s; what was set over MQTT does not hold this time", error)
    return replace(config, watches=settings), watches


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
        reading = reading_of(config, settings.model)
        watches[name] = _advised(settings, reading.model)
        Decider(name, settings.model, reading.labels, watches[name], sigmoid=reading.sigmoid)
        warnings += [f"model {settings.model}: {warning}" for warning in reading.warnings]
    return replace(config, watches=watches), warnings


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


def only_camera(config: Config, settings: WatchSettings) -> str:
    """The camera of a watch: the one it names, or the only one there is."""
    return settings.camera or next(iter(config.cameras))


def views_of(camera: str, watches: Mapping[str, AssembledWatch]) -> Sequence[View]:
    """What the watches of a camera look at."""
    return [watch.view for watch in watches.values() if watch.camera == camera]
