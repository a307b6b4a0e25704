"""Outcome -> disk -> retained topics and events -> broker: one queue, one owner.

Everything that happens (a changed outcome, an acknowledgement, a lost connection) is put into one
queue and taken out by the thread that runs `run`. The network has a thread of its own, which runs
`run_network`, so that a broker that does not answer never holds up an event.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from edgecls.delivery.agenda import Agenda, Chore
from edgecls.delivery.clock import clock_is_synchronised
from edgecls.delivery.commands import Settable
from edgecls.delivery.description import Description
from edgecls.delivery.desk import Control, Desk
from edgecls.delivery.happenings import Acknowledged, Arrived, Connected, Line, Lost, Unheard
from edgecls.delivery.homeassistant import HomeAssistant
from edgecls.delivery.mailbox import Close, Item, Mailbox, Note, Settings, Wake
from edgecls.delivery.outbox import Outbox
from edgecls.delivery.payloads import OFFLINE, SCHEMA, encode, iso_timestamp
from edgecls.delivery.presence import Presence
from edgecls.delivery.retained import Retained
from edgecls.delivery.session import Session, pause_s
from edgecls.delivery.states import States
from edgecls.delivery.wire import Wire
from edgecls.domain import Outcome
from edgecls.errors import ConfigError
from edgecls.health import Health
from edgecls.progress import Progress
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
AGAIN_S = 10.0  # the discovery is said again: Home Assistant may not have been done with another
STEP_S = 5.0  # without anything to do, to show that we are alive
SILENCE_S = 60.0  # a card may take its time for a write, but not for ever
TOGETHER = 100  # things that are taken out of the queue, and committed, at a time
# A consumer that was away longer wants no old news from the broker; age_s and ts tell the rest.
EVENT_EXPIRY_S = 3600


class About(Protocol):
    """What the daemon says of itself, and hears."""

    def description(self) -> Description: ...

    def stats(self, elapsed_s: float) -> Mapping[str, Any]:
        """The payload of `stats` but for `schema`, `ts`, `outbox` and `mqtt`."""
        ...

    def acknowledged(self, ms: float) -> None:
        """An event's frame was handed over so many milliseconds before the broker had the event."""
        ...


class Commanded(Control, Settable, Protocol):
    """Whom commands are for."""


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
        self._about, self._interval_s = about, interval_s
        self._mailbox = box = Mailbox()
        self.publish, self.remember, self.reconfigure = box.publish, box.remember, box.reconfigure
        self._outbox, self._health = outbox, health
        self._wire = Wire(self._topic, health)
        self._home = HomeAssistant(settings, device, outbox)
        self._retained = Retained(self._wire, about.description(), outbox, health, self._home)
        self._states = States(outbox, self._retained)
        self._desk = Desk(
            self._topic, settings, self._wire, settable=commanded, control=commanded, ring=outbox
        )
        self.progress = Progress("delivery", silence_s=SILENCE_S)
        self._presence = Presence(self._topic, health)
        self._epoch = outbox.epoch
        self._agenda = Agenda()
        self._agenda.plan(Chore.STATS, interval_s)
        self._agenda.plan(Chore.REFRESH, REFRESH_S)
        self._stats_at = time.monotonic()
        self._closing: Close | None = None
        self._closed = threading.Event()
        self._session = Session(
            settings, f"edgecls-{device}", self._presence.status,
            base=base, health=health, tell=self._mailbox.tell, pause=pause,
        )  # fmt: skip
        health.warning(UNSYNCHRONIZED, not clock_is_synchronised())
        health.listen(lambda: box.tell(Wake.HEALTH))

    @property
    def spoken(self) -> str:
        """How it stands with the broker, for a person."""
        broker = "connected" if self._wire.line is not None else "not connected"
        return f"{self._outbox.pending} events waiting, broker {broker}"

    def announce(self) -> None:
        """`info` or `config` may have changed: what differs is to be published."""
        self._mailbox.tell(self._about.description())

    def run_network(self) -> None:
        """Body of the thread "mqtt": ends after `close`."""
        self._session.run()

    def run(self) -> None:
        """Body of the thread "delivery": ends after `close`."""
        said = False
        try:
            while not self._drained():
                self.progress.step()
                self._take_together()
                self._commit()
                self._do_chores()
                self._send_events()
                self._show_pictures()
                self._retained.settle()
            self._states.note_newest(self._mailbox.newest)
            said = self._say_goodbye()
            self._outbox.commit()
        finally:
            self._session.close(with_will=not said)
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
        self._mailbox.tell(Close(deadline, restarting))
        while not self._closed.wait(0.05) and time.monotonic() < deadline + 2 * GOODBYE_S:
            if (
                hurry is not None
                and hurry.is_set()
                and deadline > (sooner := time.monotonic() + HURRY_S)
            ):
                deadline = sooner
                self._mailbox.tell(Close(deadline, restarting))
        return self._outbox.pending

    def _due(self) -> float:
        closing_at = math.inf if self._closing is None else self._closing.deadline
        soon = time.monotonic() + STEP_S
        return min(self._agenda.next_at, self._outbox.retry_at, closing_at, soon)

    def _drained(self) -> bool:
        if self._closing is None:
            return False
        return not self._outbox.pending or time.monotonic() >= self._closing.deadline

    def _take_together(self) -> None:
        """Wait for something to happen; take what else has happened, to be committed at once."""
        item = self._mailbox.take(self._due())
        for _ in range(TOGETHER):
            if item is None:
                return
            self._take(item)
            item = self._mailbox.take(0.0)
        if item is not None:
            self._take(item)

    def _take(self, item: Item) -> None:
        match item:
            case Outcome():
                self._states.take(item)
            case Connected(line):
                self._connected(line)
            case Lost(line) if line is self._wire.line:
                self._agenda.cancel(Chore.BE_ALONE)
                self._wire.lost()
                self._outbox.take_back()
            case Acknowledged() if item.line is self._wire.line:
                self._settle(item)
            case Unheard(line) if line is self._wire.line:
                self._wire.unheard(item)
            case Arrived(line) if line is self._wire.line:
                self._arrived(item)
            case Note(kind, name, value):
                self._outbox.note(kind, name, value)
            case Wake.HEALTH:
                self._retained.report_health()
            case Description():
                self._retained.describe(item)
                self._agenda.plan(Chore.REDISCOVER, AGAIN_S)
            case Settings():
                self._reconfigure(item)
            case Close():
                self._closing = item

    def _connected(self, line: Line) -> None:
        self._commit()  # what was taken out before is to be announced as well
        self._agenda.plan(Chore.BE_ALONE, ALONE_S)
        self._wire.connected(line)
        self._presence.listen_before(line)
        self._listen(line)  # who commands as soon as we are `online` must be heard
        self._retained.announce()
        self._agenda.plan(Chore.REDISCOVER, AGAIN_S)
        self._presence.listen_after(line)

    def _listen(self, line: Line) -> None:
        self._desk.open(line)
        if self._home.wanted:
            line.subscribe(self._home.birth_topic, 0)

    def _reconfigure(self, item: Settings) -> None:
        if item.interval_s != self._interval_s:
            self._interval_s = item.interval_s
            self._agenda.plan(Chore.STATS, item.interval_s)
        self._outbox.bounds = item.outbox
        self._desk.settings = item.mqtt
        self._home.configure(item.mqtt)
        try:
            self._session.change(item.mqtt)
        except ConfigError as error:  # it was right a moment ago
            log.warning("%s; the connection stays as it is", error)
        if self._wire.line is not None:
            self._listen(self._wire.line)

    def _arrived(self, message: Arrived) -> None:
        self._presence.note_info(message, self._epoch)
        if self._closing is not None:
            return
        if self._presence.is_told_offline(message):  # an older will, or somebody's word
            self._retained.say_online()
        elif self._home.is_birth(message):
            self._agenda.plan(Chore.REDISCOVER, random.uniform(0, BIRTH_S))
        else:
            self._desk.take(message)

    def _do_chores(self) -> None:
        for chore in self._agenda.take_due():
            match chore:
                case Chore.STATS:
                    self._publish_stats()
                case Chore.REFRESH:
                    self._refresh()
                case Chore.SEND_REFUSED:
                    self._outbox.take_back_refused()
                case Chore.BE_ALONE:
                    self._presence.be_alone()
                case Chore.REDISCOVER:
                    self._retained.rediscover()
        if time.monotonic() >= self._outbox.retry_at:
            self._outbox.retry()
        if self._epoch != self._outbox.epoch:
            self._epoch = self._outbox.epoch
            self._retained.describe()

    def _refresh(self) -> None:
        self._agenda.plan(Chore.REFRESH, REFRESH_S)
        self._retained.refresh(self._mailbox.newest)
        self._health.warning(UNSYNCHRONIZED, not clock_is_synchronised())
        self._states.note_newest(self._mailbox.newest)
        self._outbox.commit()

    def _commit(self) -> None:
        """Show only what is on disk: what is said must survive us."""
        self._outbox.commit()
        self._states.show()

    def _show_pictures(self) -> None:
        """After the events, which they must not hold up."""
        while self._mailbox.pictures:
            self._retained.show_snapshot(*self._mailbox.pictures.popitem())

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
                self._agenda.plan(Chore.SEND_REFUSED, REFUSED_PAUSE_S)
        elif (entry := self._outbox.acknowledged(item.mid)) is not None:
            self._about.acknowledged(entry.stamp.elapsed_s() * 1000)

    def _publish_stats(self) -> None:
        self._agenda.plan(Chore.STATS, self._interval_s)
        now = time.monotonic()
        elapsed_s, self._stats_at = now - self._stats_at, now
        payload = {
            "schema": SCHEMA,
            "ts": iso_timestamp(time.time()),
            **self._about.stats(elapsed_s),
            "outbox": self._outbox.report(),
            "mqtt": self._wire.report(),
        }
        self._wire.publish("stats", encode(payload), qos=0)

    def _say_goodbye(self) -> bool:
        """`offline`, and whether it was seen to have passed the broker: else the will must say it,
        which a clean disconnect discards."""
        if self._closing is None or self._closing.restarting or self._wire.line is None:
            return False
        self._wire.publish("status", OFFLINE, retain=True)
        echoed = False
        deadline = time.monotonic() + GOODBYE_S
        # What is unread when we disconnect resets the connection, and that brings the will.
        while self._wire.line is not None and not (echoed and self._wire.idle):
            if (item := self._mailbox.take(deadline)) is None:
                break
            self._take(item)
            echoed = echoed or (isinstance(item, Arrived) and self._presence.is_told_offline(item))
            if self._wire.idle:
                # Amqtt acknowledges first, and forgets what is under way when we disconnect.
                deadline = min(deadline, time.monotonic() + ECHO_S)
        return self._wire.line is not None and self._wire.idle
