"""Sees to it that models prove themselves, and that what does worse gives its place back."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from functools import partial

from edgecls.assembled import AssembledWatch
from edgecls.assembly import Assembler
from edgecls.collecting.collector import Collector
from edgecls.engines import Engines
from edgecls.errors import EdgeclsError
from edgecls.good import Refused
from edgecls.lastgood import LastGood
from edgecls.running import Running
from edgecls.scores.recorder import Recorder
from edgecls.settings import Config
from edgecls.swap import Swap
from edgecls.trial import LENGTH, Standing, is_worse
from edgecls.turns import Turns

log = logging.getLogger(__name__)

_LOOK_S = 0.5


@dataclass(frozen=True)
class Oversight:
    """`run` is the body of the thread "oversight": it may wait for a disk."""

    running: Running
    engines: Engines
    turns: Turns
    swap: Swap
    last_good: LastGood
    scores: Recorder | None
    collector: Collector | None

    def run(self, finished: threading.Event) -> None:
        """Until we are at the end."""
        while not finished.wait(_LOOK_S):
            self.look()
        self.last_good.save(self.running.watches.keys())

    def look(self) -> None:
        """Once."""
        for name, watch in self.running.watches.items():
            standing = watch.standing
            undisturbed = watch.returned is None and watch.stands_in is None
            if standing is not None and undisturbed and standing.over and not standing.settled:
                self._settle(name, watch, standing)
        self.running.tell()
        self.last_good.save(self.running.watches.keys())

    def _settle(self, name: str, watch: AssembledWatch, standing: Standing) -> None:
        before, now = standing.baseline, standing.share
        if before is not None and is_worse(now, before, watch.settings.ambiguity_band):
            standing.settled = True
            good = self.last_good.of(name).good
            than = "the model" if good is None else good.model
            why = f"{watch.model} found {now} ambiguous, {than} before it {before}"
            self._give_back(name, watch, Refused(watch.engine.model.sha256, why, before))
        elif standing.frames >= LENGTH:
            standing.settled = True
            if before is not None:
                log.info(
                    "watch %s: %s has passed its trial (ambiguous: %s; before it: %s)",
                    name, watch.model, now, before,
                )  # fmt: skip
            self.last_good.proved(name, watch.picked.as_good())
            self.engines.keep_only(self.running.engines)  # what was kept for a return may go

    def _give_back(self, name: str, watch: AssembledWatch, refused: Refused) -> None:
        self.last_good.refuse(name, refused)
        config = self.running.config
        wanted = config.watches.get(name)
        if wanted is None:
            return
        try:
            with self.engines.in_use:
                assembler = Assembler(
                    config, self.engines, self.scores, self.collector,
                    last_good=self.last_good, may_return=(name,),
                )  # fmt: skip
                instead = assembler.watch(name, wanted)
        except EdgeclsError as error:
            log.warning("watch %s: %s", name, error)
            instead = watch
        if instead.returned is None:
            log.warning("watch %s: %s; there is no model to return to", name, refused.why)
            self.last_good.forgive(name)
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
