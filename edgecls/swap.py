"""A model takes another's place while everything goes on, and may have to give it back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

from edgecls.assembled import AssembledWatch
from edgecls.cameras import Cameras
from edgecls.delivery.kept import MODEL
from edgecls.domain import EndReason
from edgecls.engines import Engines
from edgecls.good import Good, Tried
from edgecls.lastgood import LastGood
from edgecls.pipeline import Publisher
from edgecls.running import Running
from edgecls.trial import LEAST_BEFORE, UNKNOWN, Share
from edgecls.turns import Turns


class Memory(Protocol):
    """Remembers what was set, and tells what is in force."""

    def remember(self, kind: str, name: str, value: Any) -> None: ...

    def announce(self) -> None: ...


@dataclass(frozen=True)
class Swap:
    """For the thread of the loop."""

    running: Running
    engines: Engines
    cameras: Cameras
    turns: Turns
    memory: Memory
    publisher: Publisher

    def take_place(self, name: str, watch: AssembledWatch) -> None:
        """Have a watch with another model from the next frame on: the state ends."""
        before = self.running.watches[name]
        self.publisher.publish(before.gone(EndReason.MODEL_CHANGED, self.turns))
        self.running.put(name, watch)
        self.memory.remember(MODEL, name, watch.engine.network)
        self.engines.keep_only(self.running.engines)
        self.cameras.serve_views()


def begin_trial(
    name: str,
    before: AssembledWatch,
    after: AssembledWatch,
    last_good: LastGood | None,
    *,
    comparable: bool = True,
) -> None:
    """Another model is about to take the place of the one `before` it.

    Where neither is a fallback, the one before can come back. The new one is on trial where there
    is something to compare it with. `comparable`: both look at the same, by the same rules.
    """
    if last_good is None or after.standing is None or after.returned is not None:
        return
    sha256 = after.engine.model.sha256
    good = last_good.of(name).good
    baseline = _baseline(before, after)
    if baseline is not None and not comparable:
        baseline = UNKNOWN
    back = good is not None and good.sha256 == sha256
    unknown = good is not None and baseline is None
    if back or unknown or before.stands_in or after.stands_in:
        last_good.forgive(name)
        return
    after.standing.baseline, after.standing.may_give_way = baseline, True
    last_good.tries(name, _good(before, good), Tried(sha256, baseline, ended=1))


def _baseline(before: AssembledWatch, after: AssembledWatch) -> Share | None:
    """How the model that may come back does: of one that is on trial itself, what it is compared
    with; what was seen as a shadow looked along, else of late."""
    if before.standing is None:
        return None
    if before.standing.on_trial:
        return before.standing.baseline
    shadow = before.shadow
    if shadow is not None and shadow.engine.network == after.engine.network:
        share, _ = shadow.comparison.shares
        if share.watched >= LEAST_BEFORE:
            return share
    return before.standing.record


def _good(before: AssembledWatch, good: Good | None) -> Good:
    """With its engine: what comes back need not be loaded."""
    if good is not None and before.standing is not None and before.standing.on_trial:
        return good
    if good is not None and good.sha256 == before.engine.model.sha256:
        return replace(good, engine=before.engine)
    return before.picked.as_good()
