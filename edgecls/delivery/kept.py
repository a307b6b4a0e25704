"""States that survive a restart, as the outbox notes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgecls.delivery.clock import Stamp, boot_id
from edgecls.domain import Kept, Outcome, State

KEPT = "kept"  # the kind of note; its name is the watch


@dataclass(frozen=True, slots=True)
class Left:
    """What an earlier process left of a watch, and when it last looked."""

    kept: Kept
    looked: Stamp


def written(outcome: Outcome) -> dict[str, Any] | None:
    """The note of an outcome; None where there is nothing to go on from."""
    if outcome.kept is None:
        return None
    return {
        "kept": asdict(outcome.kept),
        "looked": [boot_id(), outcome.handed_ns, outcome.ts],
    }


def read(note: Mapping[str, Any]) -> Left | None:
    """The contrary; None for what another version of edgecls may have written."""
    try:
        facts = dict(note["kept"])
        state = State(**facts.pop("state"))
        starts = tuple((label, index, ago_s) for label, index, ago_s in facts.pop("starts"))
        boot, ns, ts = note["looked"]
        return Left(Kept(state=state, starts=starts, **facts), Stamp(boot, ns, ts))
    except (KeyError, TypeError, ValueError):
        return None
