"""Builds the watches of a configuration: models found and loaded, one engine per model."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edgecls import picked, pipeline
from edgecls.assembled import AssembledWatch
from edgecls.collecting.taker import Taker
from edgecls.decision.decider import Decider
from edgecls.engines import Engines, cpu_settings
from edgecls.errors import ConfigError, DelegateError, ModelError
from edgecls.keepers import Keepers
from edgecls.picked import Picked
from edgecls.pixels import View
from edgecls.scores.track import Origin, Track
from edgecls.settings import CameraSettings, Config, WatchSettings
from edgecls.shadow import Shadow
from edgecls.snapshots import Snapshots
from edgecls.sources import has_media_time, is_live, scales_for_views
from edgecls.trial import Standing
from edgecls.vision.eye import Eye
from edgecls.vision.model_file import ModelFile, read_model

log = logging.getLogger(__name__)

_NOTHING_KEPT = Keepers()
_RIVAL_EVERY = 3  # frames: half a minute at 10 a second, for a third of an inference more


class Assembler:
    """Builds the watches of one configuration. For one thread at a time."""

    def __init__(
        self,
        config: Config,
        engines: Engines,
        keepers: Keepers = _NOTHING_KEPT,
        *,
        may_return: Collection[str] = (),
        shadows_later: bool = False,
    ) -> None:
        """The watches that `may_return` run their last good model where theirs cannot be loaded.
        With `shadows_later`, those of live cameras are left to whoever need not hurry."""
        self._config, self._engines = config, engines
        self._keepers, self._last_good = keepers, keepers.last_good
        self._may_return = may_return
        self._shadows_later = shadows_later

    def watch(self, name: str, settings: WatchSettings, *, anew: bool = False) -> AssembledWatch:
        """A watch by its settings; `anew`: also with a model that was refused before. Raises
        ConfigError or ModelError."""
        try:
            return self._as_wanted(name, settings, anew=anew)
        except DelegateError:
            raise
        except (ConfigError, ModelError) as error:  # the file may be another one, of other labels
            watch = self.returned(name, settings, str(error)) if name in self._may_return else None
            if watch is None:
                raise
            return watch

    def _as_wanted(self, name: str, settings: WatchSettings, *, anew: bool) -> AssembledWatch:
        wanted = picked.wanted(self._config, self._engines, settings.model)
        refusal = None if anew else self._refusal(name, settings, wanted)
        watch = None if refusal is None else self.returned(name, settings, refusal)
        return self._around(name, settings, wanted) if watch is None else watch

    def _refusal(self, name: str, settings: WatchSettings, wanted: Picked) -> str | None:
        """Why a model is not to be used, by what an earlier trial came to."""
        if self._last_good is None:
            return None
        refused = self._last_good.refusal(name, wanted.engine.model.sha256)
        if refused is None or (settings.ambiguity_band >= 1 and not refused.failed):
            return None
        return refused.why

    def with_shadow(
        self, name: str, watch: AssembledWatch, settings: WatchSettings, *, anew: bool = False
    ) -> AssembledWatch:
        """A watch that runs, with the shadow that `settings` name, or none; `anew`: also one with
        which process after process has ended."""
        shadow, shadowless = self._shadow(name, settings, watch.picked, anew=anew)
        ours = replace(watch.settings, shadow=settings.shadow)
        return replace(watch, settings=ours, shadow=shadow, shadowless=shadowless)

    def returned(self, name: str, settings: WatchSettings, why: str) -> AssembledWatch | None:
        """The watch with its last good model; None where there is none that suits it."""
        if self._last_good is None or not self._is_live(settings):
            return None
        try:
            good = picked.returned(self._config, self._engines, self._last_good, name, why)
            watch = None if good is None else self._around(name, settings, good)
        except (ConfigError, ModelError) as error:
            log.warning("watch %s: its last good model is of no use: %s", name, error)
            return None
        if watch is not None:
            log.warning("watch %s: its last good model, %s, runs: %s", name, watch.model, why)
        return watch

    def rival(self, name: str) -> Shadow | None:
        """The last good model of a watch, to look along with the one that has taken its place; None
        where there is none that could judge what the watch looks at now."""
        assert self._last_good is not None
        try:
            good = picked.returned(self._config, self._engines, self._last_good, name, "")
            if good is None:
                return None
            settings = advised(self._config.watches[name], good.engine.model)
            often = replace(settings, shadow_every=_RIVAL_EVERY)
            return Shadow(name, good.model, good.engine, often)
        except (ConfigError, ModelError) as error:
            log.warning("watch %s: the model before cannot look along: %s", name, error)
            return None

    def _around(self, name: str, raw: WatchSettings, model: Picked) -> AssembledWatch:
        engine = model.engine
        settings = advised(raw, engine.model)
        region = (0.0, 0.0, 1.0, 1.0) if settings.region is None else tuple(settings.region)
        view = View(engine.width, engine.height, region, settings.resize)  # type: ignore[arg-type]
        camera = only_camera(self._config, settings)
        decider = Decider(
            name, model.model, engine.labels, settings,
            sigmoid=engine.sigmoid, witness=self._track(name, camera, model),
        )  # fmt: skip
        shadow, shadowless = self._shadow(name, raw, model)
        return AssembledWatch(
            camera, model.model, settings, engine,
            Eye(engine, view), view, decider, Snapshots(view, at_start=settings.snapshot),
            model, self._standing(name, settings, model), shadow, shadowless,
            onlookers=self._onlookers(name, settings, view),
            whole=_whole(view, self._config.cameras[camera]) if settings.collect else None,
        )  # fmt: skip

    def _shadow(
        self, name: str, settings: WatchSettings, model: Picked, *, anew: bool = False
    ) -> tuple[Shadow | None, str | None]:
        """It has no say, in this as well: without it, the watch goes on."""
        shadow, live = settings.shadow, self._is_live(settings)
        if shadow is None and self._last_good is not None:
            self._last_good.no_shadow(name)
        if (self._shadows_later and live) or shadow is None or shadow == model.model:
            return None, None
        try:
            if live and self._last_good is not None:
                file = cpu_settings(self._config, shadow)
                sha256 = read_model(Path(file.file), file.delegate).sha256
                self._last_good.shadow_begins(name, shadow, sha256, anew=anew)
            engine = self._engines.on_cpu(self._config, shadow)
            return Shadow(name, shadow, engine, advised(settings, engine.model)), None
        except (ConfigError, ModelError) as error:
            log.warning("watch %s: goes on without its shadow: %s", name, error)
            return None, str(error)

    def _standing(self, name: str, settings: WatchSettings, model: Picked) -> Standing | None:
        if self._last_good is None or not self._is_live(settings):
            return None
        if model.returned is not None:
            return Standing(earlier=self._last_good.earlier(name))
        sha256, good = model.engine.model.sha256, self._last_good.of(name).good
        other = good is not None and good.sha256 != sha256 and model.stands_in is None
        return Standing(self._last_good.baseline(name, sha256), may_give_way=other)

    def _is_live(self, settings: WatchSettings) -> bool:
        """A file that is gone through as fast as it can be tells nothing of how a watch does."""
        return is_live(self._config.cameras[only_camera(self._config, settings)])

    def _onlookers(
        self, name: str, settings: WatchSettings, view: View
    ) -> Sequence[pipeline.Onlooker]:
        collector = self._keepers.collector
        if collector is None:
            return ()
        return (Taker(name, view, collector, ambiguous=settings.collect),)

    def _track(self, name: str, camera: str, model: Picked) -> Track | None:
        source, engine = self._config.cameras[camera], model.engine
        if self._keepers.scores is None or not is_live(source):
            return None
        media = has_media_time(source)
        origin = Origin(
            name, model.model, engine.network, model.settings, engine.labels, media=media
        )
        return self._keepers.scores.track(origin)


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


def advised(settings: WatchSettings, model: ModelFile) -> WatchSettings:
    """The settings with what the model has to say, where they are silent."""
    return replace(settings, decision=settings.decision.advised(model.metadata.min_score))


def only_camera(config: Config, settings: WatchSettings) -> str:
    """The camera of a watch: the one it names, or the only one there is."""
    return settings.camera or next(iter(config.cameras))


def views_of(camera: str, watches: Mapping[str, AssembledWatch]) -> Sequence[View]:
    """What the watches of a camera look at, and what is kept of it."""
    looking = [watch for watch in watches.values() if watch.camera == camera]
    return [view for watch in looking for view in (watch.view, watch.whole) if view is not None]


def _whole(view: View, camera: CameraSettings) -> View | None:
    """A camera that scales for its views would give no more than the model's input."""
    if not scales_for_views(camera):
        return None
    width, height = map(int, camera.size.split("x"))
    if camera.rotate % 180:
        width, height = height, width
    return View(width, height, view.region, "stretch")
