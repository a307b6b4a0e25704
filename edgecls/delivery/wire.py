"""The connection of the moment, or none, and what became of the messages handed to it."""

from __future__ import annotations

import logging

from edgecls.delivery.happenings import Acknowledged, Line, Unheard
from edgecls.delivery.session import NOT_AUTHORIZED
from edgecls.health import Health

log = logging.getLogger(__name__)

REFUSED = "mqtt_refused"
_ANSWERS = "response/+"  # strangers choose the rest: it is one thing to us


class Wire:
    """Owned by the delivery thread."""

    def __init__(self, base: str, health: Health) -> None:
        self.base = base
        self.line: Line | None = None
        self.connects = self.publish_failures = 0
        self._health = health
        self._under_way: dict[int, str | None] = {}  # number -> topic; None: a stranger's
        self._refused: dict[str, str] = {}  # topic -> health reason

    @property
    def idle(self) -> bool:
        """Everything handed over was acknowledged."""
        return not self._under_way

    def report(self) -> dict[str, int]:
        """Its part of `stats`."""
        return {"connects": self.connects, "publish_failures": self.publish_failures}

    def connected(self, line: Line) -> None:
        """Use this line from now on."""
        self.line = line
        self.connects += 1
        self._refused.clear()
        self._health.fault(REFUSED, False)  # the session has cleared the other one

    def lost(self) -> None:
        """There is no line; what was under way will not be acknowledged."""
        self.line = None
        self._under_way.clear()

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
    ) -> int | None:
        """Hand a message over; its number, or None when there is no line or it takes no more."""
        whole = f"{self.base}/{topic}"
        return self.publish_at(whole, payload, qos=qos, retain=retain, expiry_s=expiry_s)

    def publish_at(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
        correlation: bytes | None = None,
    ) -> int | None:
        """The same on a topic that is given whole."""
        if self.line is None:
            return None
        mid = self.line.publish(
            topic, payload, qos=qos, retain=retain, expiry_s=expiry_s, correlation=correlation
        )
        if mid is None:
            self.publish_failures += 1
        elif qos > 0 or mid < 0:  # too large: refused at once
            self._under_way[mid] = topic
        return mid

    def answer(self, topic: str, payload: bytes, correlation: bytes | None) -> int | None:
        """Hand an answer over, at QoS 1; its number as of `publish`.

        `topic` is whole: MQTT 5 lets who asks choose it. If that is not below `base`, a refusal
        says nothing of what we may, and is only counted.
        """
        mid = self.publish_at(topic, payload, correlation=correlation)
        if mid is not None:
            ours = topic.startswith(f"{self.base}/")
            self._under_way[mid] = f"{self.base}/{_ANSWERS}" if ours else None
        return mid

    def is_under_way(self, mid: int) -> bool:
        """Whether a message was neither acknowledged nor given up."""
        return mid in self._under_way

    def acknowledged(self, item: Acknowledged) -> None:
        """The broker took a message or refused it; a refusal is said once per topic."""
        if item.mid not in self._under_way:
            return
        topic = self._under_way.pop(item.mid)
        if item.refusal is None:
            if topic is not None and self._refused.pop(topic, None) is not None:
                self._report_refusals()
            return
        self.publish_failures += 1
        if topic is not None and topic not in self._refused:
            self._refused[topic] = NOT_AUTHORIZED if item.forbidden else REFUSED
            log.warning(
                "broker refuses messages on %s: %s; check what it allows this client",
                topic,
                item.refusal,
            )
            self._report_refusals()

    def unheard(self, item: Unheard) -> None:
        """The broker will not tell us what is said on a topic: commands, or of our own status."""
        self._refused[f"subscription {item.topic}"] = NOT_AUTHORIZED
        log.warning(
            "broker refuses the subscription to %s: %s; check what it allows this client",
            item.topic,
            item.why,
        )
        self._report_refusals()

    def _report_refusals(self) -> None:
        for reason in (NOT_AUTHORIZED, REFUSED):
            self._health.fault(reason, reason in self._refused.values())
