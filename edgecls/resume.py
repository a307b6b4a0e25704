"""What an earlier process left: what was set, and the states that go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgecls.assembled import AssembledWatch
from edgecls.decision.farewell import farewell
from edgecls.delivery.kept import KEPT, MODEL, Left, read
from edgecls.delivery.outbox import Outbox
from edgecls.domain import EndReason, Moment, Outcome
from edgecls.overrides import OVERRIDE, with_overrides
from edgecls.settings import Config
from edgecls.sources import has_media_time

STALLED = "stalled"  # the kind of note; its name is the camera

log = logging.getLogger(__name__)


@dataclass
class Resumed:
    """What became of the states that were left."""

    farewells: list[Outcome] = field(default_factory=list)  # of what is not there any more
    stalled: Collection[str] = ()  # cameras that gave nothing when the last process ended
    unseen_s: dict[str, float] = field(default_factory=dict)  # since anybody looked, per watch


def as_set(config: Config, outbox: Outbox) -> Config:
    """The configuration with what was set since; what holds no more is forgotten."""
    config, outdated = with_overrides(config, outbox.notes(OVERRIDE))
    for name in outdated:
        log.info("%s as set over MQTT does not hold any more: the file's value does", name)
        outbox.note(OVERRIDE, name, None)
    return config


def resume(config: Config, watches: Mapping[str, AssembledWatch], outbox: Outbox) -> Resumed:
    """Have the deciders go on with the states that were left."""
    models = outbox.notes(MODEL)
    resumed = Resumed(stalled=outbox.notes(STALLED).keys())
    for name, note in outbox.notes(KEPT).items():
        left = read(note)
        if left is None:
            outbox.note(KEPT, name, None)
            continue
        watch = watches.get(name)
        media = watch is not None and has_media_time(config.cameras[watch.camera])
        away_s = 0.0 if media else left.looked.elapsed_s()
        if watch is None or not _is_same_model(watch, left, models.get(name)):
            resumed.farewells.append(_farewell(name, left, away_s, removed=watch is None))
        else:
            watch.decider.restore(left.kept, away_s)
            resumed.unseen_s[name] = left.looked.elapsed_s()
    for name, watch in watches.items():
        outbox.note(MODEL, name, watch.engine.network)
    return resumed


def _is_same_model(watch: AssembledWatch, left: Left, sha256: Any) -> bool:
    """By its name, and by the file that the name stands for."""
    same_file = sha256 is None or watch.engine.network == sha256
    return watch.model == left.kept.model and same_file


def _farewell(name: str, left: Left, away_s: float, *, removed: bool) -> Outcome:
    now_ns = time.monotonic_ns()
    moment = Moment(now_ns / 1e9, time.time(), now_ns)
    reason = EndReason.REMOVED if removed else EndReason.MODEL_CHANGED
    return farewell(name, left.kept, reason, moment, away_s)
