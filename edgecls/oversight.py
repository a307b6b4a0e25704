"""Sees to it that models prove themselves, and that what does worse gives its place back."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from functools import partial

from edgecls.assembled import AssembledWatch
from edgecls.assembly import Assembler
from edgecls.engines import Engines
from edgecls.good import Refused
from edgecls.keepers import Keepers
from edgecls.lastgood import LastGood
from edgecls.running import Running
from edgecls.settings import Config
from edgecls.shadow import Shadow
from edgecls.swap import Swap
from edgecls.threads import Threads
from edgecls.trial import LENGTH, Share, Standing, is_worse
from edgecls.turns import Turns

log = logging.getLogger(__name__)

_LOOK_S = 0.5


@dataclass(frozen=True)
class Oversight:
    """`run` is the body of the thread "oversight": it may wait for a disk. Shadows are loaded in
    one of its own, after the start: they have time."""

    running: Running
    engines: Engines
    turns: Turns
    swap: Swap
    last_good: LastGood
    keepers: Keepers
    threads: Threads
    _finished: threading.Event = field(default_factory=threading.Event)
    _loading: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Before the first frame: note which models may take the process along."""
        for name, watch in self.running.watches.items():
            if watch.stands_in is None:
                self.last_good.begins(name, watch.engine.model.sha256)
        self.last_good.save(self.running.watches.keys())

    def run(self) -> None:
        """Until `finish`."""
        while not self._finished.wait(_LOOK_S):
            self.look()
        self.last_good.save(self.running.watches.keys())

    def finish(self) -> None:
        """Save what there is, and no more."""
        self._finished.set()

    def look(self) -> None:
        """Once."""
        for name, watch in self.running.watches.items():
            standing = watch.standing
            undisturbed = watch.returned is None and watch.stands_in is None
            if standing is not None and undisturbed and standing.over and not standing.settled:
                self._settle(name, watch, standing)
            shadow = watch.shadow
            if standing is not None and shadow is not None and shadow.comparison.frames >= LENGTH:
                self.last_good.shadow_is_harmless(name, shadow.engine.model.sha256)
        wanted = any(watch.wants_shadow for watch in self.running.watches.values())
        if wanted and not self._loading.is_set():
            self._loading.set()
            self.threads.start("shadow", self._load_shadows)
        self.running.tell()
        self.last_good.save(self.running.watches.keys())

    def _settle(self, name: str, watch: AssembledWatch, standing: Standing) -> None:
        band, rival = watch.settings.ambiguity_band, standing.rival
        if standing.failure is not None:
            self._refuse(name, watch, standing.failure)
        elif rival is not None:
            if (shares := rival.shares) is None:
                return
            if is_worse(*shares, band):
                now, before = shares
                than = self._model_before(name)
                why = f"{watch.model} found {now} ambiguous, {than} {before} of the same"
                self._refuse(name, watch, why)
            else:
                self._pass(name, watch, *shares)
        elif standing.baseline is not None and is_worse(standing.share, standing.baseline, band):
            self._ask_the_one_before(name, watch, standing)
        elif standing.frames >= LENGTH:
            self._pass(name, watch, standing.share, standing.baseline)

    def _pass(self, name: str, watch: AssembledWatch, now: Share, before: Share | None) -> None:
        standing = watch.standing
        assert standing is not None
        standing.settled, standing.may_give_way, standing.baseline = True, False, None
        if before is not None:
            log.info(
                "watch %s: %s has passed its trial (ambiguous: %s; the model before it: %s)",
                name, watch.model, now, before,
            )  # fmt: skip
        if standing.rival is not None:
            standing.rival = None
            self.turns.soon(partial(self._look_anew, name, standing))
        self.last_good.proved(name, watch.picked.as_good())
        self.engines.keep_only(self.running.engines)  # what was kept for a return may go

    def _ask_the_one_before(self, name: str, watch: AssembledWatch, standing: Standing) -> None:
        """Night may have fallen since: what does the old model say of what there is now?"""
        config = self.running.config
        if name not in config.watches:
            return
        with self.engines.in_use:
            rival = self._assembler(config).rival(name)
        if rival is None:
            standing.baseline = None
            log.warning("watch %s: %s could not be compared with another", name, watch.model)
            return
        self.turns.soon(partial(self._let_look_along, name, standing, config, rival))

    def _let_look_along(self, name: str, standing: Standing, config: Config, rival: Shadow) -> None:
        """By the loop's thread. Where something was set meanwhile, others are the rules."""
        if config is self.running.config and standing.rival is None:
            share, model = standing.share, rival.model
            log.info("watch %s: %s are ambiguous: %s looks along for a while", name, share, model)
            standing.rival = rival
            self._look_anew(name, standing)

    def _look_anew(self, name: str, standing: Standing) -> None:
        """By the loop's thread: have those look along who are to."""
        watch = self.running.watches.get(name)
        if watch is not None and watch.standing is standing:
            self.running.put(name, replace(watch))

    def _model_before(self, name: str) -> str:
        good = self.last_good.of(name).good
        return "the model" if good is None else good.model

    def _refuse(self, name: str, watch: AssembledWatch, why: str) -> None:
        standing = watch.standing
        assert standing is not None
        standing.settled = True
        failed = standing.failure is not None
        refused = Refused(watch.engine.model.sha256, why, standing.baseline, failed)
        self._give_back(name, watch, refused)

    def _give_back(self, name: str, watch: AssembledWatch, refused: Refused) -> None:
        self.last_good.refuse(name, refused)
        config = self.running.config
        wanted = config.watches.get(name)
        if wanted is None:
            return
        with self.engines.in_use:
            instead = self._assembler(config).returned(name, wanted, refused.why)
        if instead is None:
            log.warning("watch %s: %s; there is no model to return to", name, refused.why)
            self.last_good.forgive(name)
            assert watch.standing is not None
            watch.standing.may_give_way, watch.standing.baseline = False, None
            return
        self.turns.soon(partial(self._take_back, name, watch, config, instead))

    def _take_back(
        self, name: str, watch: AssembledWatch, config: Config, instead: AssembledWatch
    ) -> None:
        """By the loop's thread."""
        now = self.running.watches.get(name)
        if now is None or now.standing is not watch.standing:
            return  # another model has taken its place
        if config is not self.running.config:
            assert now.standing is not None
            now.standing.settled = False  # something was set: once more, with that
            return
        self.swap.take_place(name, instead)
        self.swap.memory.announce()

    def _load_shadows(self) -> None:
        """Of the watches that still want one."""
        now = self.running.now
        for name, watch in now.watches.items():
            if watch.wants_shadow and name in now.config.watches:
                with self.engines.in_use:
                    assembler = self._assembler(now.config, shadows_later=False)
                    complete = assembler.with_shadow(name, watch, now.config.watches[name])
                self.turns.soon(partial(self._join, name, watch, complete))
        self.turns.soon(self._loading.clear)

    def _join(self, name: str, before: AssembledWatch, complete: AssembledWatch) -> None:
        """By the loop's thread. Where something was set meanwhile, another one is on its way."""
        if self.running.watches.get(name) is before:
            self.running.put(name, complete)
            self.swap.memory.announce()

    def _assembler(self, config: Config, *, shadows_later: bool = True) -> Assembler:
        return Assembler(config, self.engines, self.keepers, shadows_later=shadows_later)
