"""Puts a prepared configuration in the place of the one that runs: between two frames."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

from edgecls.assembled import AssembledWatch
from edgecls.cameras import Cameras
from edgecls.delivery.kept import KEPT, MODEL
from edgecls.domain import EndReason
from edgecls.engines import Engines
from edgecls.keepers import Keepers
from edgecls.messengers import Messenger
from edgecls.overrides import OVERRIDE
from edgecls.pipeline import Publisher
from edgecls.running import Present, Running
from edgecls.settings import Config, MqttSettings, WatchSettings
from edgecls.stats import Stats
from edgecls.swap import begin_trial
from edgecls.turns import Turns

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole configuration, ready to take the place of what runs."""

    basis: Present  # what ran when this was made
    after: Present
    outdated: Sequence[str]  # names of notes: what was set over MQTT and holds no more
    mqtt: MqttSettings | None  # with the URLs of brokers that run

    def same_camera(self, old: str, new: str) -> bool:
        """Whether decision time goes on."""
        cameras = self.basis.config.cameras, self.after.config.cameras
        return old == new and cameras[0][old] == cameras[1][new]

    def same_scene(self, name: str) -> bool:
        """Whether a watch looks at the same as before, and judges it by the same rules."""
        old, new = self.basis.watches[name], self.after.watches[name]
        rules = [_scene(of.config.watches[name]) for of in (self.basis, self.after)]
        return self.same_camera(old.camera, new.camera) and rules[0] == rules[1]


@dataclass(frozen=True)
class Succession:
    """For the thread of the loop."""

    running: Running
    engines: Engines
    cameras: Cameras
    turns: Turns
    stats: Stats
    messenger: Messenger
    publisher: Publisher
    keepers: Keepers

    def take_place(self, plan: Plan) -> bool:
        """False: something else runs by now than what the plan was made for."""
        if plan.basis is not self.running.now:
            return False
        before = self.running.now
        self._say_farewell(plan)
        watches = {name: self._successor(name, plan) for name in plan.after.watches}
        self.running.become(replace(plan.after, watches=watches))
        done = [*_differences(before, self.running.now), *self._arrange()]
        self._remember(plan)
        self._announce(before)
        log.info("configuration reloaded: %s", ", ".join(done) or "nothing has changed")
        return True

    def _say_farewell(self, plan: Plan) -> None:
        for name in plan.basis.watches.keys() - plan.after.watches.keys():
            self._end(plan.basis.watches[name], EndReason.REMOVED)
            self.messenger.remember(KEPT, name, None)
            self.messenger.remember(MODEL, name, None)

    def _successor(self, name: str, plan: Plan) -> AssembledWatch:
        """The watch as it is from now on: with the state that it has."""
        old, fresh = plan.basis.watches.get(name), plan.after.watches[name]
        if old is None or not old.runs_same_model(fresh):
            if old is not None:
                self._end(old, EndReason.MODEL_CHANGED)
                comparable = plan.same_scene(name)
                begin_trial(name, old, fresh, self.keepers.last_good, comparable=comparable)
            self.messenger.remember(MODEL, name, fresh.engine.network)
            watch = fresh
        elif old.engine is fresh.engine and plan.same_camera(old.camera, fresh.camera):
            if _judgement(old.settings) != _judgement(fresh.settings):
                old.decider.reconfigure(fresh.settings)
            if old.standing is not None and not plan.same_scene(name):
                old.standing.judged_anew()
            going_on = old.going_on_as(fresh)
            watch = old if going_on.is_as(old) else going_on
        else:
            fresh.decider.restore(old.decider.kept)
            if fresh.standing is not None and not plan.same_scene(name):
                fresh.standing.judged_anew()
            watch = fresh
        if not watch.settings.enabled and (old is None or old.settings.enabled):
            self._end(watch, EndReason.DISABLED)
        return watch

    def _end(self, watch: AssembledWatch, reason: EndReason) -> None:
        self.publisher.publish(watch.gone(reason, self.turns))

    def _arrange(self) -> list[str]:
        """Cameras, turns and counts for the watches that run now; what was done, in words."""
        watches, cameras = self.running.watches, self.running.cameras
        self.stats.cover(cameras, watches)
        done = self.cameras.change(cameras)
        self.turns.arrange({name: watch.turn() for name, watch in watches.items()})
        self.engines.keep_only(self.running.engines)
        return done

    def _remember(self, plan: Plan) -> None:
        in_file = plan.after.in_file
        for name in plan.outdated:
            self.messenger.remember(OVERRIDE, name, None)
        self.keepers.limit(in_file)
        if plan.mqtt is not None:
            self.messenger.reconfigure(plan.mqtt, in_file.outbox, in_file.stats.interval_s)

    def _announce(self, before: Present) -> None:
        """What there is; and the states of watches whose topics, or words, are new."""
        self.messenger.announce()
        for name, watch in self.running.watches.items():
            if not _has_its_topics(before.watches.get(name), watch):
                self.publisher.publish(watch.decider.shown(self.turns.moment(watch.camera)))


def _has_its_topics(old: AssembledWatch | None, new: AssembledWatch) -> bool:
    before = None if old is None else (old.settings.labels, old.settings.groups)
    return before == (new.settings.labels, new.settings.groups)


def _judgement(settings: WatchSettings) -> tuple[object, ...]:
    """All that the decision is made by."""
    return settings.labels, settings.groups, settings.decision


def _scene(settings: WatchSettings) -> tuple[object, ...]:
    """All that its figures depend on, but for the model and the camera."""
    return settings.region, settings.resize, settings.labels, settings.groups, settings.decision


def _differences(before: Present, after: Present) -> Iterator[str]:
    """In words, but for the cameras."""
    for name in before.watches.keys() - after.watches.keys():
        yield f"watch {name} removed"
    for name, watch in after.watches.items():
        if watch is not before.watches.get(name):
            yield f"watch {name} {'changed' if name in before.watches else 'added'}"
    for table in fields(Config):
        whole = table.name in ("mqtt", "outbox", "stats", "replay", "collect")
        if whole and getattr(before.in_file, table.name) != getattr(after.in_file, table.name):
            yield f"[{table.name}] changed"
