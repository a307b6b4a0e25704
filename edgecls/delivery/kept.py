"""States that survive a restart, as the outbox notes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgecls.delivery.clock import Stamp, boot_id
from edgecls.domain import NO_STATE, Kept, Outcome, State

KEPT = "kept"  # the kind of note; its name is the watch
MODEL = "model"  # the SHA-256 of the watch's model file


@dataclass(frozen=True, slots=True)
class Left:
    """What an earlier process left of a watch, and when it last looked."""

    kept: Kept
    looked: Stamp


def written(outcome: Outcome, *, clock_known: bool) -> dict[str, Any] | None:
    """The note of an outcome; None where there is nothing to go on from. `clock_known`: the wall
    clock is synchronised."""
    if outcome.kept is None:
        return None
    return {
        "kept": asdict(outcome.kept),
        "looked": [boot_id(), outcome.handed_ns, outcome.ts, clock_known],
    }


def read(note: Any) -> Left | None:
    """The contrary; None for what is not understood: another version may have written it."""
    match note:
        case {
            "kept": {
                "model": str(model),
                "state": dict(state),
                "lasted_s": float(lasted_s) | int(lasted_s),
                "max_score": float(max_score) | int(max_score),
                "published": bool(published),
                "starts": list(starts),
            },
            "looked": [str(boot), int(ns), float(ts) | int(ts), bool(known)],
        } if (of := _state(state)) is not None:
            kept = Kept(model, of, lasted_s, max_score, published, _starts(starts))
            return Left(kept, Stamp(boot, ns, ts, known))
    return None


def _state(facts: Mapping[str, Any]) -> State | None:
    match facts:
        case {"label": None}:
            return NO_STATE
        case {
            "label": str(label),
            "slug": str(slug),
            "index": None | int() as index,
            "since": float(since) | int(since),
            "score": float(score) | int(score),
        }:
            return State(label, slug, index, since, score)
    return None


def _starts(starts: list[Any]) -> tuple[tuple[str, int | None, float], ...]:
    understood = []
    for start in starts:
        match start:
            case [str(label), None | int() as index, float(ago_s) | int(ago_s)]:
                understood.append((label, index, float(ago_s)))
    return tuple(understood)
