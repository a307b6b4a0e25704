"""Where commands are taken in: whoever may publish at the broker may send them.

A `set` gets no answer, its effect shows in `config`. A request gets exactly one; of those that are
too many, one a second does.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from edgecls.delivery.bucket import Bucket
from edgecls.delivery.commands import (
    Asked,
    BadCommand,
    Collect,
    Settable,
    Setting,
    may_answer_at,
    parse_collect,
    parse_replay,
    parse_request,
    parse_setting,
    parse_watch,
    transaction_of,
)
from edgecls.delivery.happenings import Arrived, Line
from edgecls.delivery.payloads import Payload, encode
from edgecls.delivery.wire import Wire
from edgecls.settings import MqttSettings

log = logging.getLogger(__name__)

REQUESTS = ("ping", "replay", "restart", "snapshot", "collect")
COMMANDS_PER_S = 10
# Commands that are too many are one burst, and told once, until so many seconds go without any.
BURST_PAUSE_S = 10.0
# A restart that comes again with the connection, or out of a loop, finds us just started.
RESTART_PAUSE_S = 60.0
# Answers wait in memory for a slow network; one of these may have 200 kB.
MAX_REPLAYS = 5
MAX_CORRELATION = 256  # bytes; MQTT allows 64 kB

_UNKNOWN_REQUEST = "unknown request; known: " + ", ".join(REQUESTS)
# Strangers choose it, and it becomes a part of the answer's topic.
_OP = re.compile(r"[a-z_]{1,20}")


class Control(Protocol):
    """Does what is commanded, later and in another thread: nothing here blocks or raises."""

    def apply(self, setting: Setting) -> None: ...

    def restart(self) -> None: ...

    def snapshot(self, watch: str) -> str | None:
        """None: it comes with the next frame; else a sentence why not."""
        ...

    def collect(self, asked: Collect) -> Path:
        """Where the pictures will lie. Raises BadCommand where none can be taken."""
        ...


class Ring(Protocol):
    """The events that are still remembered."""

    @property
    def epoch(self) -> str: ...

    def since(self, after_seq: int, limit: int, *, epoch: str | None) -> tuple[list[Payload], bool]:
        """The events after `after_seq`, oldest first, and whether there are more."""
        ...


class Desk:
    """Takes commands and answers requests; owned by the delivery thread."""

    def __init__(
        self,
        base: str,
        settings: MqttSettings,
        wire: Wire,
        *,
        settable: Settable,
        control: Control,
        ring: Ring,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`base`: the topic of this device. `settings` may be replaced at any time."""
        self.settings = settings
        self._base, self._wire, self._clock = base, wire, clock
        self._settable, self._control, self._ring = settable, control, ring
        self._started_s = self._restart_s = now_s = clock()
        self._commands = Bucket(COMMANDS_PER_S, COMMANDS_PER_S, now_s)
        self._excuses = Bucket(1, 1, now_s)
        self._complaints = Bucket(5, 0.1, now_s)
        self._too_many_s = -math.inf
        self._replays: list[int] = []  # numbers of answers

    def open(self, line: Line) -> None:
        """Hear what may be commanded at all."""
        if "set" in self.settings.commands:
            line.subscribe(f"{self._base}/+/set/+", 1, newly_published_only=True)
        if set(self.settings.commands) - {"set"}:
            line.subscribe(f"{self._base}/request/+", 0, newly_published_only=True)

    def take(self, message: Arrived) -> None:
        """Obey, answer, refuse or ignore: never blocks, never raises for what is in a message."""
        below = f"{self._base}/"
        if message.retained or not message.topic.startswith(below):
            return
        match message.topic.removeprefix(below).split("/"):
            case ["request", op]:
                self._take_request(op, message, self._clock())
            case [watch, "set", key]:
                self._take_setting(watch, key, message, self._clock())

    def _take_setting(self, watch: str, key: str, message: Arrived, now_s: float) -> None:
        if not self._admits(now_s):
            return
        try:
            self._check_allowed("set")
            setting = parse_setting(watch, key, message.payload, self._settable)
        except BadCommand as bad:
            self._complain(message.topic, str(bad), now_s)
        else:
            self._control.apply(setting)

    def _take_request(self, op: str, message: Arrived, now_s: float) -> None:
        admitted = self._admits(now_s)
        if not _OP.fullmatch(op):
            if admitted:
                self._complain(message.topic, _UNKNOWN_REQUEST, now_s)
        elif admitted or self._excuses.take(now_s):
            answer = self._answer(op, message, admitted, now_s)
            self._send(op, answer, message)
            if op == "restart" and answer["status"] == "ok":  # after its answer
                self._control.restart()

    def _answer(self, op: str, message: Arrived, admitted: bool, now_s: float) -> Payload:
        answer: Payload = {"status": "ok", "data": {}, "error": None, "transaction": None}
        try:
            asked = parse_request(message.payload)
            answer["transaction"] = transaction_of(asked)
            if len(message.correlation or b"") > MAX_CORRELATION:
                raise BadCommand(f"correlation data may have {MAX_CORRELATION} bytes at most")
            if not admitted:
                raise BadCommand(f"more than {COMMANDS_PER_S} commands a second: not done")
            answer["data"] = self._do(op, asked, now_s)
        except BadCommand as bad:
            answer |= {"status": "error", "error": str(bad)}
        return answer

    def _do(self, op: str, asked: Asked, now_s: float) -> Payload:
        """Do what is asked for, but for the restart; the data of the answer. Raises BadCommand."""
        if op not in REQUESTS:
            raise BadCommand(_UNKNOWN_REQUEST)
        self._check_allowed(op)
        match op:
            case "ping":
                return {"uptime_s": round(now_s - self._started_s, 1), "epoch": self._ring.epoch}
            case "replay":
                return self._replay(asked)
            case "restart":
                return self._permit_restart(now_s)
            case "snapshot":
                return self._snapshot(asked)
        return self._collect(asked)

    def _replay(self, asked: Asked) -> Payload:
        replay = parse_replay(asked)
        self._replays = [mid for mid in self._replays if self._wire.is_under_way(mid)]
        if len(self._replays) >= MAX_REPLAYS:
            raise BadCommand("earlier answers are still on their way: ask again later")
        events, more = self._ring.since(replay.after_seq, replay.limit, epoch=replay.epoch)
        return {"epoch": replay.epoch or self._ring.epoch, "events": events, "more": more}

    def _permit_restart(self, now_s: float) -> Payload:
        left_s = self._restart_s + RESTART_PAUSE_S - now_s
        if left_s > 0:
            raise BadCommand(f"one restart a minute is allowed: ask again in {math.ceil(left_s)} s")
        self._restart_s = now_s
        return {}

    def _snapshot(self, asked: Asked) -> Payload:
        why_not = self._control.snapshot(parse_watch(asked, self._settable.watches()))
        if why_not is not None:
            raise BadCommand(why_not)
        return {}

    def _collect(self, asked: Asked) -> Payload:
        wanted = parse_collect(asked, self._settable.watches())
        folder = self._control.collect(wanted)
        return {"folder": str(folder), "count": wanted.count, "every_s": wanted.every_s}

    def _send(self, op: str, answer: Payload, request: Arrived) -> None:
        topic = f"{self._base}/response/{op}"
        wanted = request.response_topic
        if wanted is not None and may_answer_at(
            wanted,
            below=self.settings.response_prefixes,
            never_below=(self._base, self.settings.discovery_prefix),
        ):
            topic = wanted
        correlation = request.correlation
        if len(correlation or b"") > MAX_CORRELATION:
            correlation = None
        mid = self._wire.answer(topic, encode(answer), correlation)
        if op == "replay" and mid is not None:
            self._replays.append(mid)

    def _check_allowed(self, command: str) -> None:
        allowed = self.settings.commands
        if command not in allowed:
            listed = ", ".join(allowed) or "(nothing)"
            raise BadCommand(f"{command} is not allowed here; commands in [mqtt] allows: {listed}")

    def _admits(self, now_s: float) -> bool:
        if self._commands.take(now_s):
            return True
        if now_s - self._too_many_s >= BURST_PAUSE_S:
            log.warning("more than %d commands a second: the rest is not done", COMMANDS_PER_S)
        self._too_many_s = now_s
        return False

    def _complain(self, topic: str, why: str, now_s: float) -> None:
        if self._complaints.take(now_s):
            log.warning("command on %.100r not done: %s", topic, why)
