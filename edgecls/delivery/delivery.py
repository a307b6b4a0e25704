"""Outcome -> disk -> retained topics and events -> broker: one queue, one owner.

Everything that happens (a changed outcome, an acknowledgement, a lost connection) is put into one
queue and taken out by the thread that runs `run`. The network has a thread of its own, which runs
`run_network`, so that a broker that does not answer never holds up an event.
"""

from __future__ import annotations

import logging
import math
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path
from typing import Any, Protocol

from edgecls.delivery import kept, retained
from edgecls.delivery.clock import clock_is_synchronised
from edgecls.delivery.commands import Settable
from edgecls.delivery.desk import Control, Desk
from edgecls.delivery.happenings import (
    Acknowledged,
    Arrived,
    Connected,
    Happening,
    Line,
    Lost,
    Unheard,
)
from edgecls.delivery.homeassistant import HomeAssistant
from edgecls.delivery.outbox import Outbox
from edgecls.delivery.payloads import OFFLINE, ONLINE, SCHEMA, encode, iso_timestamp
from edgecls.delivery.retained import Retained
from edgecls.delivery.session import CLIENT_ID_TAKEN, Session, pause_s
from edgecls.delivery.wire import Wire
from edgecls.domain import Outcome, Pixels
from edgecls.health import Health
from edgecls.settings import MqttSettings

log = logging.getLogger(__name__)

UNSYNCHRONIZED = "clock_unsynchronized"
REFRESH_S = 60.0  # states whose score or verdict differ
REFUSED_PAUSE_S = 30.0  # before a refused event is tried again
ALONE_S = 60.0  # connected so long: nobody fights us for our client id any more
HURRY_S = 2.0  # after a signal: for what is under way
GOODBYE_S = 2.0  # for the broker to acknowledge `offline`
ECHO_S = 0.5  # and to send it back: we subscribe to our own status
BIRTH_S = 5.0  # within which Home Assistant's birth is answered: not by all devices at once
TOGETHER = 100  # things that are taken out of the queue, and committed, at a time
# A consumer that was away longer wants no old news from the broker; age_s and ts tell the rest.
EVENT_EXPIRY_S = 3600


class About(retained.About, Protocol):
    """What the daemon says of itself, and hears."""

    def stats(self, elapsed_s: float) -> Mapping[str, Any]:
        """The payload of `stats` but for `schema`, `ts`, `outbox` and `mqtt`."""
        ...

    def acknowledged(self, ms: float) -> None:
        """An event's frame was handed over so many milliseconds before the broker had the event."""
        ...


class Commanded(Control, Settable, Protocol):
    """Whom commands are for."""


class _Wake(Enum):
    """Something that is published may have changed."""

    HEALTH = auto()
    DESCRIPTION = auto()
    PICTURE = auto()


@dataclass(frozen=True, slots=True)
class _Note:
    kind: str
    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class _Close:
    deadline: float
    restarting: bool


_Item = Outcome | Happening | _Wake | _Note | _Close


class Delivery:
    """Publishes what the frame loop finds. Two threads: `run` and `run_network`."""

    def __init__(
        self,
        settings: MqttSettings,
        outbox: Outbox,
        device: str,
        about: About,
        commanded: Commanded,
        *,
        interval_s: float,
        health: Health,
        base: Path = Path(),
        pause: Callable[[int], float] = pause_s,
    ) -> None:
        """Owns `outbox` from `run` on. `interval_s`: between two `stats`. A relative
        `password_file` lies beside `base`. Raises ConfigError.
        """
        self._topic = f"{settings.base_topic}/{device}"
        self._settings, self._about, self._interval_s = settings, about, interval_s
        self._inbox: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._newest: dict[str, Outcome] = {}
        self._fresh: list[Outcome] = []  # taken out, not shown yet
        self._pictures: dict[str, Pixels] = {}  # not shown yet, by watch
        self._outbox, self._health = outbox, health
        self._wire = Wire(self._topic, health)
        self._home = HomeAssistant(settings, device, outbox)
        self._retained = Retained(self._wire, about, outbox, health, self._home)
        self._desk = Desk(
            self._topic, settings, self._wire, settable=commanded, control=commanded, ring=outbox
        )
        self._epoch = outbox.epoch
        self._stats_at = self._refreshed_at = time.monotonic()
        self._retry_at = self._alone_at = self._rediscover_at = math.inf
        self._closing: _Close | None = None
        self._foreign_before = False
        self._closed = threading.Event()
        self._status, self._info = f"{self._topic}/status", f"{self._topic}/info"
        self._session = Session(
            settings, f"edgecls-{device}", self._status,
            base=base, health=health, tell=self._inbox.put, pause=pause,
        )  # fmt: skip
        health.warning(UNSYNCHRONIZED, not clock_is_synchronised())
        health.listen(lambda: self._inbox.put(_Wake.HEALTH))

    def publish(self, outcome: Outcome) -> None:
        """Take one frame's outcome: never blocks, never raises."""
        if outcome.snapshot is not None:  # large: only the newest is kept
            self._pictures[outcome.watch] = outcome.snapshot
            outcome = replace(outcome, snapshot=None)
            self._inbox.put(_Wake.PICTURE)
        new = outcome.watch not in self._newest
        self._newest[outcome.watch] = outcome
        if new or outcome.changed or outcome.events:
            self._inbox.put(outcome)

    @property
    def backlog(self) -> int:
        """How much has been handed over and not been taken up yet."""
        return self._inbox.qsize()

    def announce(self) -> None:
        """`info` or `config` may have changed: publish what differs."""
        self._inbox.put(_Wake.DESCRIPTION)

    def remember(self, kind: str, name: str, value: Any) -> None:
        """Note something for the next process; None forgets it."""
        self._inbox.put(_Note(kind, name, value))

    def run_network(self) -> None:
        """Body of the thread "mqtt": ends after `close`."""
        self._session.run()

    def run(self) -> None:
        """Body of the thread "delivery": ends after `close`."""
        try:
            while not self._drained():
                self._take_together()
                self._outbox.commit()
                self._show_fresh()
                self._tick(time.monotonic())
                self._send_events()
                self._show_pictures()
                self._retained.settle()
            self._keep(self._newest.values())
            self._say_goodbye()
            self._outbox.commit()
        finally:
            self._session.close(with_will=self._closing is None or self._closing.restarting)
            self._outbox.close()
            self._closed.set()

    def close(
        self,
        drain_timeout_s: float,
        hurry: threading.Event | None = None,
        *,
        restarting: bool = False,
    ) -> int:
        """Deliver what waits, say `offline` and leave; how many events are still waiting.

        Once `hurry` is set there are HURRY_S left at most. `restarting` leaves the status to the
        will, which comes only if nobody is back in time.
        """
        deadline = time.monotonic() + drain_timeout_s
        self._inbox.put(_Close(deadline, restarting))
        while not self._closed.wait(0.05) and time.monotonic() < deadline + 2 * GOODBYE_S:
            if (
                hurry is not None
                and hurry.is_set()
                and deadline > (sooner := time.monotonic() + HURRY_S)
            ):
                deadline = sooner
                self._inbox.put(_Close(deadline, restarting))
        return self._outbox.pending

    def _next(self, until: float) -> _Item | None:
        try:
            return self._inbox.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            return None

    def _due(self) -> float:
        times = [self._stats_at + self._interval_s, self._refreshed_at + REFRESH_S]
        pauses = [self._retry_at, self._alone_at, self._rediscover_at, self._outbox.retry_at]
        closing_at = math.inf if self._closing is None else self._closing.deadline
        return min(*times, *pauses, closing_at)

    def _drained(self) -> bool:
        if self._closing is None:
            return False
        return not self._outbox.pending or time.monotonic() >= self._closing.deadline

    def _take_together(self) -> None:
        """Wait for something to happen; take what else has happened, to be committed at once."""
        item = self._next(self._due())
        for _ in range(TOGETHER):
            if item is None:
                return
            self._take(item)
            item = self._next(0.0)
        if item is not None:
            self._take(item)

    def _take(self, item: _Item) -> None:
        match item:
            case Outcome():
                for event in item.events:
                    self._outbox.add(event)
                self._keep([item])
                self._fresh.append(item)
            case Connected(line):
                self._connected(line)
            case Lost(line) if line is self._wire.line:
                self._alone_at = math.inf
                self._wire.lost()
                self._outbox.take_back()
            case Acknowledged() if item.line is self._wire.line:
                self._settle(item)
            case Unheard(line) if line is self._wire.line:
                self._wire.unheard(item)
            case Arrived(line) if line is self._wire.line:
                self._arrived(item)
            case _Note(kind, name, value):
                self._outbox.note(kind, name, value)
            case _Wake.HEALTH:
                self._retained.report_health()
            case _Wake.DESCRIPTION:
                self._retained.describe()
            case _Close():
                self._closing = item

    def _connected(self, line: Line) -> None:
        self._alone_at = time.monotonic() + ALONE_S
        self._wire.connected(line)
        line.subscribe(self._info, 1)  # before ours goes out: what it said meanwhile
        self._retained.announce()
        line.subscribe(self._status, 1)
        if "set" in self._settings.commands:
            line.subscribe(f"{self._topic}/+/set/+", 1, newly_published_only=True)
        if set(self._settings.commands) - {"set"}:
            line.subscribe(f"{self._topic}/request/+", 0, newly_published_only=True)
        if self._home.wanted:
            line.subscribe(self._home.birth_topic, 0)

    def _arrived(self, message: Arrived) -> None:
        if message.topic == self._status:
            # An older will, or somebody's word: we know better.
            if message.payload == OFFLINE and self._closing is None:
                self._retained.say_online()
        elif message.topic == self._info:
            # Mosquitto before 2.0.15, and MQTT 3.1.1, do not say why they closed it.
            if self._wire.connects > 1:
                self._note_epoch(message.payload)
        elif message.topic == self._home.birth_topic:
            if message.payload == ONLINE:
                self._rediscover_at = time.monotonic() + random.uniform(0, BIRTH_S)
        elif self._closing is None:
            self._desk.take(message)

    def _note_epoch(self, info: bytes) -> None:
        """Somebody else's `info` after each of two connects: they have our client id.

        Once is not enough: a broker that lost its memory in a power cut has an old one of ours.
        """
        foreign = self._epoch.encode() not in info
        if foreign and self._foreign_before:
            self._health.fault(CLIENT_ID_TAKEN, True)
            log.warning("another client uses our client id: is there a second [device] id like it?")
        self._foreign_before = foreign

    def _tick(self, now: float) -> None:
        if now >= self._stats_at + self._interval_s:
            self._publish_stats(now - self._stats_at)
            self._stats_at = now
        if now >= self._refreshed_at + REFRESH_S:
            self._refreshed_at = now
            self._refresh()
        if now >= self._retry_at:
            self._outbox.take_back_refused()
            self._retry_at = math.inf
        if now >= self._alone_at:
            self._health.fault(CLIENT_ID_TAKEN, False)
            self._alone_at = math.inf
        if now >= self._rediscover_at:
            self._rediscover_at = math.inf
            self._retained.rediscover()
        if now >= self._outbox.retry_at:
            self._outbox.retry()
        if self._epoch != self._outbox.epoch:
            self._epoch = self._outbox.epoch
            self._retained.describe()

    def _refresh(self) -> None:
        self._retained.refresh(self._newest)
        self._health.warning(UNSYNCHRONIZED, not clock_is_synchronised())
        # How long they have lasted is lost with the process otherwise.
        self._keep(each for each in self._newest.values() if each.state.label is not None)
        self._outbox.commit()

    def _keep(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            self._outbox.note(kept.KEPT, outcome.watch, kept.written(outcome))

    def _show_fresh(self) -> None:
        """Only now that it is on disk: what is said must survive us."""
        for outcome in self._fresh:
            self._retained.show(outcome)
        self._fresh.clear()

    def _show_pictures(self) -> None:
        """After the events, which they must not hold up."""
        while self._pictures:
            self._retained.show_snapshot(*self._pictures.popitem())

    def _send_events(self) -> None:
        while self._wire.line is not None and (entry := self._outbox.next()) is not None:
            payload = self._outbox.copy(entry)
            mid = self._wire.publish(f"{entry.watch}/event", payload, expiry_s=EVENT_EXPIRY_S)
            if mid is None:
                return
            self._outbox.sent(entry, mid)

    def _settle(self, item: Acknowledged) -> None:
        self._wire.acknowledged(item)
        if item.refusal is not None:
            if self._outbox.refused(item.mid):
                self._retry_at = time.monotonic() + REFUSED_PAUSE_S
        elif (entry := self._outbox.acknowledged(item.mid)) is not None:
            self._about.acknowledged(entry.stamp.elapsed_s() * 1000)

    def _publish_stats(self, elapsed_s: float) -> None:
        payload = {
            "schema": SCHEMA,
            "ts": iso_timestamp(time.time()),
            **self._about.stats(elapsed_s),
            "outbox": self._outbox.report(),
            "mqtt": self._wire.report(),
        }
        self._wire.publish("stats", encode(payload), qos=0)

    def _say_goodbye(self) -> None:
        """`offline`, seen to have passed the broker: a clean disconnect sends no will."""
        if self._closing is None or self._closing.restarting:
            return
        echoed = self._wire.publish("status", OFFLINE, retain=True) is None
        deadline = time.monotonic() + GOODBYE_S
        # What is unread when we disconnect resets the connection, and that brings the will.
        while self._wire.line is not None and not (echoed and self._wire.idle):
            if (item := self._next(deadline)) is None:
                return
            self._take(item)
            if isinstance(item, Arrived) and item.topic == self._status:
                echoed = echoed or item.payload == OFFLINE
            if self._wire.idle:
                # Amqtt acknowledges first, and forgets what is under way when we disconnect.
                deadline = min(deadline, time.monotonic() + ECHO_S)
