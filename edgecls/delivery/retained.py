"""What the retained topics say: all of it at each connect, then what changes.

Every retained topic is noted before anything is said on it, and cleared when nothing is to be said
any more: a watch that was removed must not stay ON for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgecls.delivery import jpeg
from edgecls.delivery.description import Description
from edgecls.delivery.discovery import DeviceCard
from edgecls.delivery.homeassistant import HomeAssistant
from edgecls.delivery.outbox import Outbox
from edgecls.delivery.payloads import (
    OFF,
    ON,
    ONLINE,
    SCHEMA,
    Payload,
    encode,
    health_payload,
    state_payload,
)
from edgecls.delivery.wire import Wire
from edgecls.domain import Outcome, Pixels
from edgecls.health import Health

_TOPICS = "topic"  # what the outbox notes for us
_CLEARED = b""


class Retained:
    """Owned by the delivery thread."""

    def __init__(
        self,
        wire: Wire,
        description: Description,
        outbox: Outbox,
        health: Health,
        home: HomeAssistant,
    ) -> None:
        self._wire, self._outbox, self._health, self._home = wire, outbox, health, home
        self._description = description
        self._outcomes: dict[str, Outcome] = {}
        self._snapshots: dict[str, bytes] = {}
        self._learn(description.card)
        self._states: dict[str, Payload] = {}  # as last said, without the time
        self._said: dict[str, bytes] = {}
        self._stale: set[str] = set()  # cleared, and noted until the broker has acknowledged it
        self._unsaid: dict[str, bytes] = {}  # what the line did not take, in its order

    def announce(self) -> None:
        """Say everything, `status` last: the broker may know nothing."""
        self._unsaid.clear()
        self._states.clear()
        self._said.clear()
        self._describe()
        self.report_health()
        self._say_outcomes()
        for watch in self._snapshots:
            self._say_snapshot(watch)
        self.say_online()

    def settle(self) -> None:
        """Once the line is free: say what was not taken, or forget what was cleared."""
        if self._wire.line is None or not self._wire.idle:
            return
        if self._unsaid:
            again, self._unsaid = self._unsaid, {}
            for topic, payload in again.items():
                self._say(topic, payload)
            return
        known = self._outbox.notes(_TOPICS)
        for topic in self._stale:
            elsewhere = set(_brokers(known.get(topic))) - {self._wire.line.broker}
            self._outbox.note(_TOPICS, topic, sorted(elsewhere) or None)
        self._stale.clear()

    def describe(self, description: Description | None = None) -> None:
        """`info`, `config` and the discovery, where they changed; topics come and go. Without a
        `description`, the last one holds.

        Home Assistant may lose new entities of a discovery that follows too soon on another one:
        after a change, `rediscover`.
        """
        self._description = description or self._description
        self._describe()
        self._say_outcomes()  # of another model, other labels

    def _describe(self) -> None:
        told, card = self._description, self._description.card
        self._learn(card)
        announcement = self._home.announcement(card) if self._home.wanted else None
        self._replace_topics(self._topics(card))
        info = {"schema": SCHEMA, "epoch": self._outbox.epoch, **told.info}
        self._say_anew(self._whole("info"), encode(info))
        self._say_anew(self._whole("config"), encode({"schema": SCHEMA, **told.config}))
        if announcement is not None:
            self._say_anew(self._home.topic, announcement)

    def rediscover(self) -> None:
        """Say the discovery once more: Home Assistant has started."""
        self._said.pop(self._home.topic, None)
        self.describe()

    def report_health(self) -> None:
        """`health`, if it changed."""
        self._say_anew(self._whole("health"), encode(health_payload(self._health.report())))

    def show(self, outcome: Outcome) -> None:
        """A watch's labels and state, where they changed: label topics first."""
        if outcome.watch not in self._labels:  # it was removed, and this is its last word
            return
        self._outcomes[outcome.watch] = outcome
        self._say_outcome(outcome)

    def show_snapshot(self, watch: str, pixels: Pixels) -> None:
        """What a watch has seen, if that is still wanted."""
        if watch not in self._pictured:
            return
        self._snapshots[watch] = jpeg.encode(pixels)
        self._say_snapshot(watch)

    def refresh(self, newest: Mapping[str, Outcome]) -> None:
        """States whose score or verdict differ by now."""
        for watch, shown in list(self._outcomes.items()):
            outcome = newest[watch]
            if outcome.state.label == shown.state.label:  # else its change is under way to us
                self.show(outcome)

    def say_online(self) -> None:
        """`status`."""
        self._say(self._whole("status"), ONLINE)

    def _learn(self, card: DeviceCard) -> None:
        """Which watches there are, with topics for which slugs, and which have snapshots."""
        self._labels = {each.name: [slug for _, slug in each.labels] for each in card.watches}
        self._pictured = {each.name for each in card.watches if each.snapshot}

    def _topics(self, card: DeviceCard) -> set[str]:
        topics = {self._whole(topic) for topic in ("status", "info", "config", "health")}
        if self._home.wanted:
            topics.add(self._home.topic)
        for watch in card.watches:
            topics.add(self._whole(f"{watch.name}/state"))
            topics |= {self._whole(f"{watch.name}/label/{slug}") for _, slug in watch.labels}
            if watch.snapshot:
                topics.add(self._whole(f"{watch.name}/snapshot"))
        return topics

    def _replace_topics(self, wanted: set[str]) -> None:
        """Note what is new, and clear what is left over."""
        if self._wire.line is not None:
            self._stale = self._note_topics(wanted, self._wire.line.broker)
        if not self._home.wanted:
            self._home.forget()
        self._outbox.commit()
        for topic in sorted(self._stale):
            self._said.pop(topic, None)
            self._say(topic, _CLEARED)
        for watch in list(self._outcomes):
            if watch not in self._labels:
                del self._outcomes[watch]
                self._states.pop(watch, None)
        for watch in set(self._snapshots) - self._pictured:
            del self._snapshots[watch]

    def _note_topics(self, wanted: set[str], broker: str) -> set[str]:
        """Note what is to be said at a broker; what is left there of earlier times."""
        known = {topic: _brokers(note) for topic, note in self._outbox.notes(_TOPICS).items()}
        for topic in wanted:
            if broker not in known.get(topic, ()):
                self._outbox.note(_TOPICS, topic, sorted({*known.get(topic, ()), broker}))
        left = {topic for topic, brokers in known.items() if broker in brokers or not brokers}
        return left - wanted

    def _say_outcomes(self) -> None:
        for outcome in self._outcomes.values():
            self._say_outcome(outcome)

    def _say_outcome(self, outcome: Outcome) -> None:
        for slug in self._labels[outcome.watch]:
            # Two classes may have the same label; their slugs differ.
            says = ON if slug == outcome.state.slug else OFF
            self._say_anew(self._whole(f"{outcome.watch}/label/{slug}"), says)
        payload = state_payload(outcome)
        timeless = {key: value for key, value in payload.items() if key != "ts"}
        if self._states.get(outcome.watch) != timeless:
            self._states[outcome.watch] = timeless
            self._say(self._whole(f"{outcome.watch}/state"), encode(payload))

    def _say_snapshot(self, watch: str) -> None:
        self._say(self._whole(f"{watch}/snapshot"), self._snapshots[watch])

    def _say_anew(self, topic: str, payload: bytes) -> None:
        if self._said.get(topic) != payload:
            self._said[topic] = payload
            self._say(topic, payload)

    def _say(self, topic: str, payload: bytes) -> None:
        """`online` is the last: once a message was not taken, all that follow wait as well."""
        qos = 0 if topic.endswith("/snapshot") else 1
        if self._unsaid or self._wire.publish_at(topic, payload, qos=qos, retain=True) is None:
            self._unsaid[topic] = payload

    def _whole(self, topic: str) -> str:
        return f"{self._wire.base}/{topic}"


def _brokers(note: Any) -> list[str]:
    """Where a topic may stand; an earlier version did not note it."""
    return list(note) if isinstance(note, list) else []
