"""Outcome -> retained topics and events -> broker: one queue, one owner.

Everything that happens (a changed outcome, an acknowledgement, a lost connection) is put into one
queue and taken out by the thread that runs `run`. The network has a thread of its own, which runs
`run_network`, so that a broker that does not answer never holds up an event.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from edgecls.delivery.clock import clock_is_synchronised
from edgecls.delivery.happenings import Acknowledged, Arrived, Connected, Happening, Lost
from edgecls.delivery.numbering import Numbering
from edgecls.delivery.outbox import Outbox
from edgecls.delivery.payloads import OFFLINE, SCHEMA, encode, event_payload, iso_timestamp
from edgecls.delivery.retained import Describe, Retained
from edgecls.delivery.session import CLIENT_ID_TAKEN, Session, pause_s
from edgecls.delivery.wire import Wire
from edgecls.domain import LabelEvent, Outcome
from edgecls.health import Health
from edgecls.settings import MqttSettings, OutboxSettings

log = logging.getLogger(__name__)

REFRESH_S = 60.0  # states whose score or verdict differ
REFUSED_PAUSE_S = 30.0  # before a refused event is tried again
ALONE_S = 60.0  # connected so long: nobody fights us for our client id any more
HURRY_S = 2.0  # after a signal: for what is under way
GOODBYE_S = 2.0  # for the broker to acknowledge `offline`
ECHO_S = 0.5  # and to send it back: we subscribe to our own status
# A consumer that was away longer wants no old news from the broker; age_s and ts tell the rest.
EVENT_EXPIRY_S = 3600


class _Wake(Enum):
    """Something that is published may have changed."""

    HEALTH = auto()
    DESCRIPTION = auto()


@dataclass(frozen=True, slots=True)
class _Close:
    deadline: float
    restarting: bool


_Item = Outcome | Happening | _Wake | _Close


class Delivery:
    """Publishes what the frame loop finds. Two threads: `run` and `run_network`."""

    def __init__(
        self,
        settings: MqttSettings,
        outbox: OutboxSettings,
        device: str,
        watched: Mapping[str, Sequence[tuple[str, str]]],
        *,
        info: Describe,
        config: Describe,
        stats: Callable[[float], Mapping[str, Any]],
        interval_s: float,
        health: Health,
        on_ack: Callable[[float], None],
        base: Path = Path(),
        pause: Callable[[int], float] = pause_s,
    ) -> None:
        """`watched`: the (label, slug) that have topics, per watch. `info` and `config` give the
        payloads of these topics but for `schema` and `epoch`; `stats` gives that of `stats` but
        for `schema`, `ts`, `outbox` and `mqtt`, and takes the seconds since it was last asked.
        `on_ack` takes the milliseconds from a frame's hand-over to the broker's acknowledgement
        of its event. A relative `password_file` lies beside `base`. Raises ConfigError.
        """
        topic = f"{settings.base_topic}/{device}"
        self._stats, self._interval_s, self._on_ack = stats, interval_s, on_ack
        self._inbox: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._newest: dict[str, Outcome] = {}
        self._numbering, self._outbox = Numbering(), Outbox(outbox.max_events)
        self._health, self._wire = health, Wire(topic, health)
        epoch = self._numbering.epoch
        self._retained = Retained(
            self._wire, watched, epoch=epoch, info=info, config=config, health=health
        )
        self._stats_at = self._refreshed_at = time.monotonic()
        self._retry_at = self._alone_at = math.inf
        self._closing: _Close | None = None
        self._foreign_before = False
        self._closed = threading.Event()
        self._status, self._about = f"{topic}/status", f"{topic}/info"
        client_id, tell = f"edgecls-{device}", self._inbox.put
        self._session = Session(
            settings, client_id, self._status, base=base, health=health, tell=tell, pause=pause
        )
        health.listen(lambda: self._inbox.put(_Wake.HEALTH))

    def publish(self, outcome: Outcome) -> None:
        """Take one frame's outcome: never blocks, never raises."""
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

    def run_network(self) -> None:
        """Body of the thread "mqtt": ends after `close`."""
        self._session.run()

    def run(self) -> None:
        """Body of the thread "delivery": ends after `close`."""
        try:
            while not self._drained():
                self._take(self._next(self._due()))
                self._tick(time.monotonic())
                self._send_events()
                self._retained.complete()
            self._say_goodbye()
        finally:
            self._session.close(with_will=self._closing is None or self._closing.restarting)
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
        closing_at = math.inf if self._closing is None else self._closing.deadline
        return min(*times, self._retry_at, self._alone_at, closing_at)

    def _drained(self) -> bool:
        if self._closing is None:
            return False
        return not self._outbox.pending or time.monotonic() >= self._closing.deadline

    def _take(self, item: _Item | None) -> None:
        match item:
            case Outcome():
                self._retained.show(item)
                self._keep(item.events)
            case Connected(line):
                self._alone_at = time.monotonic() + ALONE_S
                self._wire.connected(line)
                line.subscribe(self._about, 1)  # before ours goes out: what it said meanwhile
                self._retained.announce()
                line.subscribe(self._status, 1)
            case Lost(line) if line is self._wire.line:
                self._alone_at = math.inf
                self._wire.lost()
                self._outbox.take_back()
            case Acknowledged() if item.line is self._wire.line:
                self._settle(item)
            case Arrived(topic=self._status, payload=payload) if payload == OFFLINE:
                if self._closing is None:  # an older will, or somebody's word: we know better
                    self._retained.say_online()
            case Arrived(topic=self._about, payload=payload) if self._wire.connects > 1:
                # Mosquitto before 2.0.15, and MQTT 3.1.1, do not say why they closed it.
                self._note_epoch(payload)
            case _Wake.HEALTH:
                self._retained.report_health()
            case _Wake.DESCRIPTION:
                self._retained.describe()
            case _Close():
                self._closing = item

    def _note_epoch(self, info: bytes) -> None:
        """Somebody else's `info` after each of two connects: they have our client id.

        Once is not enough: a broker that lost its memory in a power cut has an old one of ours.
        """
        foreign = self._numbering.epoch.encode() not in info
        if foreign and self._foreign_before:
            self._health.fault(CLIENT_ID_TAKEN, True)
            log.warning("another client uses our client id: is there a second [device] id like it?")
        self._foreign_before = foreign

    def _tick(self, now: float) -> None:
        if now >= self._stats_at + self._interval_s:
            self._publish_stats(now - self._stats_at)
            self._stats_at = now
        if now >= self._refreshed_at + REFRESH_S:
            self._retained.refresh(self._newest)
            self._refreshed_at = now
        if now >= self._retry_at:
            self._outbox.take_back_refused()
            self._retry_at = math.inf
        if now >= self._alone_at:
            self._health.fault(CLIENT_ID_TAKEN, False)
            self._alone_at = math.inf

    def _keep(self, events: Sequence[LabelEvent]) -> None:
        synchronised = bool(events) and clock_is_synchronised()
        for event in events:
            self._outbox.add(self._numbering.number(event, ts_sync=synchronised))

    def _send_events(self) -> None:
        while self._wire.line is not None and (entry := self._outbox.next()) is not None:
            age_s = (time.monotonic_ns() - entry.message.handed_ns) / 1e9
            payload = event_payload(entry.message, age_s=age_s, attempt=entry.attempt + 1)
            topic = f"{entry.message.watch}/event"
            mid = self._wire.publish(topic, encode(payload), expiry_s=EVENT_EXPIRY_S)
            if mid is None:
                return
            self._outbox.sent(mid)

    def _settle(self, item: Acknowledged) -> None:
        self._wire.acknowledged(item)
        if item.refusal is not None:
            if self._outbox.refused(item.mid):
                self._retry_at = time.monotonic() + REFUSED_PAUSE_S
        elif (entry := self._outbox.acknowledged(item.mid)) is not None:
            self._on_ack((time.monotonic_ns() - entry.message.handed_ns) / 1e6)

    def _publish_stats(self, elapsed_s: float) -> None:
        payload = {
            "schema": SCHEMA,
            "ts": iso_timestamp(time.time()),
            **self._stats(elapsed_s),
            "outbox": self._outbox.report(time.monotonic_ns()),
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
