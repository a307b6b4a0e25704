"""What goes over the wire: pure functions from the nouns of edgecls to JSON.

Scores are rounded here and nowhere else: only what people read is rounded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from edgecls.delivery.numbering import Numbered
from edgecls.domain import Category, Outcome, Phase
from edgecls.health import HealthReport

SCHEMA = 1
ONLINE = b"online"
OFFLINE = b"offline"
ON = b"ON"
OFF = b"OFF"
NO_LABEL = "none"

Payload = dict[str, Any]

_EPOCH = datetime.fromtimestamp(0, UTC)


def encode(payload: Mapping[str, Any]) -> bytes:
    """Compact UTF-8 JSON; what is not a finite number becomes null (JSON knows no NaN)."""
    try:
        text = _dumps(payload)
    except ValueError:
        text = _dumps(_finite(payload))
    return text.encode("utf-8", "replace")  # a path need not be UTF-8


def iso_timestamp(ts: float) -> str:
    """Wall clock in seconds since 1970 -> `2026-11-21T04:13:05.157Z`."""
    # By whole microseconds, as the ring of scores keeps them: a replay then tells the very same.
    moment = _EPOCH + timedelta(microseconds=round(ts * 1e6))
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def state_payload(outcome: Outcome) -> Payload:
    """`<watch>/state`: the stable label and the newest frame's verdict."""
    state, seen = outcome.state, outcome.classification
    return {
        "schema": SCHEMA,
        "label": NO_LABEL if state.label is None else state.label,
        "slug": NO_LABEL if state.label is None else state.slug,
        "score": None if state.label is None else _rounded(state.score),
        "since": None if state.since is None else iso_timestamp(state.since),
        "ts": iso_timestamp(outcome.ts),
        "verdict": None if seen is None else str(seen.verdict),
        "reason": None if seen is None or seen.reason is None else str(seen.reason),
        "top": [] if seen is None else _top(seen.top),
    }


def event_payload(numbered: Numbered) -> Payload:
    """`<watch>/event` but for `age_s` and `attempt`, in which copies of one event differ."""
    event = numbered.event
    payload: Payload = {
        "schema": SCHEMA,
        "id": numbered.id,
        "epoch": numbered.epoch,
        "seq": numbered.seq,
        "phase": str(event.phase),
        "watch": event.watch,
        "label": event.label,
        "slug": event.slug,
        "score": _rounded(event.score),
        "top": _top(event.top),
        "ts": iso_timestamp(event.ts),
        "ts_sync": numbered.ts_sync,
        "model": event.model,
    }
    if event.media_s is not None:
        payload["media_s"] = round(event.media_s, 3)
    if event.phase is Phase.END:
        payload |= {
            "start_id": numbered.start_id,
            "duration_s": None if event.duration_s is None else round(event.duration_s, 3),
            "max_score": _rounded(event.max_score),
            "reason": None if event.reason is None else str(event.reason),
        }
    return payload


def gap_payload(from_seq: int, last: Mapping[str, Any]) -> Payload:
    """`<watch>/event` where events are lost: the `last` of them (its payload) gives place to it."""
    taken = {key: last[key] for key in ("schema", "id", "epoch", "seq", "watch", "ts", "ts_sync")}
    return taken | {"phase": str(Phase.GAP), "from_seq": from_seq, "to_seq": last["seq"]}


def copy_of(payload: Mapping[str, Any], *, age_s: float, attempt: int) -> Payload:
    """One copy of an event, as it is sent now."""
    return {**payload, "age_s": round(max(age_s, 0.0), 3), "attempt": attempt}


def health_payload(report: HealthReport) -> Payload:
    """`health`: `ok` is false for faults only."""
    return {
        "schema": SCHEMA,
        "ok": report.ok,
        "reasons": list(report.reasons),
        "warnings": list(report.warnings),
        "details": dict(report.details),
        "since": iso_timestamp(report.since),
    }


def _top(categories: tuple[Category, ...]) -> list[Payload]:
    return [
        {"index": c.index, "label": c.label, "slug": c.slug, "score": _rounded(c.score)}
        for c in categories
    ]


def _rounded(score: float | None) -> float | None:
    return None if score is None or not math.isfinite(score) else round(score, 4)


def _dumps(payload: object) -> str:
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _finite(value: object) -> object:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
    return value
