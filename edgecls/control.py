"""Changes what runs, as it is commanded over MQTT: between two frames, by the loop's own thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

from edgecls.assembled import AssembledWatch
from edgecls.assembly import Assembler
from edgecls.cameras import Cameras
from edgecls.collecting.session import Pace, Session
from edgecls.delivery.commands import BadCommand, Collect, Setting
from edgecls.domain import EndReason
from edgecls.engines import Engines
from edgecls.errors import EdgeclsError
from edgecls.keepers import Keepers
from edgecls.overrides import OVERRIDE, known_models, note_of, overridden
from edgecls.pipeline import Publisher
from edgecls.running import Present, Running
from edgecls.settings import Config, WatchSettings
from edgecls.swap import Memory, Swap, begin_trial
from edgecls.threads import Threads
from edgecls.turns import Turns

log = logging.getLogger(__name__)


class Control:
    """Takes commands in any thread."""

    def __init__(
        self,
        running: Running,
        engines: Engines,
        cameras: Cameras,
        turns: Turns,
        threads: Threads,
        *,
        keepers: Keepers,
        stop: Callable[[], None],
    ) -> None:
        """`stop` ends the daemon for one that is started again."""
        self._running, self._engines, self._cameras = running, engines, cameras
        self._turns, self._threads, self._keepers = turns, threads, keepers
        self._lock = threading.Lock()
        self._newest: dict[tuple[str, str], Setting] = {}  # of each key that needs a model
        self._models: dict[tuple[str, str], Setting] = {}  # to be loaded
        self._loading = False
        self._memory: Memory | None = None
        self._publisher: Publisher | None = None
        self.restart = stop

    def begin(self, memory: Memory, publisher: Publisher) -> None:
        """Commands may come from now on."""
        self._memory, self._publisher = memory, publisher
        self._swap = Swap(
            self._running, self._engines, self._cameras, self._turns, memory, publisher
        )

    def watches(self) -> Collection[str]:
        """Whose settings can be set."""
        return self._running.watches.keys()

    def models(self) -> Collection[str]:
        """What a watch's model can be set to: also back to what the file says."""
        return known_models(self._running.now.in_file)

    def snapshot(self, watch: str) -> str | None:
        """Have the next frame's snapshot published; a sentence where that is not possible."""
        assembled = self._running.watches.get(watch)
        if assembled is None or not assembled.settings.snapshot:
            return f"snapshot = true is not set in [watches.{watch}]"
        if not assembled.settings.enabled:
            return f"the watch {watch} is not enabled"
        assembled.snapshots.ask()
        return None

    def collect(self, asked: Collect) -> Path:
        """Have pictures taken from the next frame on, or no more of them where none are asked for;
        the folder that they are kept in. Raises BadCommand."""
        watch, collector = self._running.watches.get(asked.watch), self._keepers.collector
        if watch is None or collector is None:
            raise BadCommand(f"no pictures of {asked.watch} can be kept here")
        if not asked.count:
            collector.end(asked.watch)
        elif not watch.settings.enabled:
            raise BadCommand(f"the watch {asked.watch} is not enabled")
        else:
            pace = Pace(asked.every_s)
            why_not = collector.ask(Session(asked.watch, asked.label, asked.count, pace))
            if why_not is not None:
                raise BadCommand(why_not)
        return collector.folder(asked.watch, asked.label)

    def apply(self, setting: Setting) -> None:
        """Do what was set, soon."""
        match setting.key:
            case "enabled":
                self._turns.soon(partial(self._enable, setting))
            case "min_score":
                self._turns.soon(partial(self._reconfigure, setting))
            case "model" | "shadow":
                self._newest[setting.watch, setting.key] = setting
                self._load(setting)

    def _load(self, setting: Setting) -> None:
        with self._lock:
            self._models[setting.watch, setting.key] = setting
            if self._loading:
                return
            self._loading = True
        self._threads.start("model", self._load_models)

    def _enable(self, setting: Setting) -> None:
        watch, enabled = self._running.watches.get(setting.watch), bool(setting.value)
        if watch is None:
            return  # it has gone with a reload
        self._remember(setting)
        if enabled != watch.settings.enabled:
            self._turns.enable(setting.watch, enabled)
            self._running.put(setting.watch, self._with(watch, setting))
            if not enabled:
                self._end(watch, EndReason.DISABLED)
                if self._keepers.collector is not None:
                    self._keepers.collector.end(setting.watch)
        self._done(setting)

    def _reconfigure(self, setting: Setting) -> None:
        watch = self._running.watches.get(setting.watch)
        if watch is None:
            return
        wanted = self._with(watch, setting).settings
        try:
            judged = watch if wanted == watch.settings else watch.judged_by(wanted)
        except EdgeclsError as error:
            self._refuse(setting, error)
            return
        self._remember(setting)
        self._running.put(setting.watch, judged)
        self._done(setting)

    def _load_models(self) -> None:
        """In a thread of its own, until none is wanted: loading takes longer than a frame may."""
        while (setting := self._next_model()) is not None:
            now = self._running.now
            if setting.watch not in now.watches:
                continue
            try:
                watch = self._loaded(now, setting)
            except EdgeclsError as error:
                self._refuse(setting, error)
            else:
                change = self._change_shadow if setting.key == "shadow" else self._change_model
                self._turns.soon(
                    partial(self._if_nothing_else_was_set, change, setting, now.config, watch)
                )

    def _loaded(self, now: Present, setting: Setting) -> AssembledWatch:
        """The watch with the model, or shadow, that was set. Raises EdgeclsError."""
        name, wanted = setting.watch, self._wanted(now.config, setting)
        with self._engines.in_use:
            assembler = Assembler(now.config, self._engines, self._keepers)
            if setting.key == "shadow":
                return assembler.with_shadow(name, now.watches[name], wanted, anew=True)
            return assembler.watch(name, wanted, anew=True)

    def _next_model(self) -> Setting | None:
        with self._lock:
            self._loading = bool(self._models)
            return self._models.popitem()[1] if self._models else None

    def _if_nothing_else_was_set(
        self,
        change: Callable[[str, AssembledWatch], None],
        setting: Setting,
        config: Config,
        watch: AssembledWatch,
    ) -> None:
        if self._newest.get((setting.watch, setting.key)) is not setting:
            return  # another one was asked for meanwhile
        if config is not self._running.config:  # or something else was set, or the file reloaded
            self._load(setting)
            return
        self._remember(setting)
        change(setting.watch, watch)
        self._engines.keep_only(self._running.engines)
        self._done(setting)

    def _change_model(self, name: str, watch: AssembledWatch) -> None:
        before = self._running.watches[name]
        if not before.runs_same_model(watch):
            begin_trial(name, before, watch, self._keepers.last_good)
            self._swap.take_place(name, watch)
            return
        if self._keepers.last_good is not None:
            self._keepers.last_good.forgive(name)
        if before.engine is watch.engine:
            watch = before.going_on_as(watch)
        else:
            watch.decider.restore(before.decider.kept)
        self._running.put(name, watch)

    def _change_shadow(self, name: str, watch: AssembledWatch) -> None:
        before = self._running.watches[name]
        settings = replace(before.settings, shadow=watch.settings.shadow)
        ours = replace(before, settings=settings, shadow=watch.shadow, shadowless=watch.shadowless)
        self._running.put(name, ours)

    @staticmethod
    def _wanted(config: Config, setting: Setting) -> WatchSettings:
        return overridden(config.watches[setting.watch], setting.key, setting.value)

    def _end(self, watch: AssembledWatch, reason: EndReason) -> None:
        assert self._publisher is not None
        self._publisher.publish(watch.gone(reason, self._turns))

    def _with(self, watch: AssembledWatch, setting: Setting) -> AssembledWatch:
        return replace(watch, settings=overridden(watch.settings, setting.key, setting.value))

    def _remember(self, setting: Setting) -> None:
        """Before it takes effect: `config` must not tell what a power cut would undo."""
        assert self._memory is not None
        name, key = setting.watch, setting.key
        note = note_of(self._running.now.in_file, name, key, setting.value)
        self._memory.remember(OVERRIDE, f"{name}/{key}", note)

    def _done(self, setting: Setting) -> None:
        name, key, value = setting.watch, setting.key, setting.value
        now = self._running.now
        watches = {**now.config.watches, name: self._wanted(now.config, setting)}
        self._running.become(replace(now, config=replace(now.config, watches=watches)))
        assert self._memory is not None
        self._memory.announce()
        log.info("watch %s: %s set to %s", name, key, "none" if value is None else value)

    def _refuse(self, setting: Setting, error: EdgeclsError) -> None:
        name, key, value = setting.watch, setting.key, setting.value
        log.warning("watch %s: %s not set to %s: %s", name, key, value, error)
        if key == "model":
            self._turns.soon(partial(self._tell_refused, name, f"{value}: {error}"))

    def _tell_refused(self, name: str, why: str) -> None:
        if (watch := self._running.watches.get(name)) is not None:
            self._running.put(name, replace(watch, refused=why))
            assert self._memory is not None
            self._memory.announce()
