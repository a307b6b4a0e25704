"""The connection of the moment, or none, and what became of the messages handed to it."""

from __future__ import annotations

import logging

from edgecls.delivery.happenings import Acknowledged, Line
from edgecls.delivery.session import NOT_AUTHORIZED
from edgecls.health import Health

log = logging.getLogger(__name__)

REFUSED = "mqtt_refused"


class Wire:
    """Owned by the delivery thread. Topics are given below `base`."""

    def __init__(self, base: str, health: Health) -> None:
        self.base = base
        self.line: Line | None = None
        self.connects = self.publish_failures = 0
        self._health = health
        self._under_way: dict[int, str] = {}  # number -> topic
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
        if self.line is None:
            return None
        mid = self.line.publish(
            f"{self.base}/{topic}", payload, qos=qos, retain=retain, expiry_s=expiry_s
        )
        if mid is None:
            self.publish_failures += 1
        elif qos > 0:
            self._under_way[mid] = topic
        return mid

    def acknowledged(self, item: Acknowledged) -> None:
        """The broker took a message or refused it; a refusal is said once per topic."""
        topic = self._under_way.pop(item.mid, None)
        if topic is None:
            return
        if item.refusal is None:
            if self._refused.pop(topic, None) is not None:
                self._report_refusals()
            return
        self.publish_failures += 1
        if topic not in self._refused:
            self._refused[topic] = NOT_AUTHORIZED if item.forbidden else REFUSED
            log.warning(
                "broker refuses messages on %s/%s: %s; check what it allows this client",
                self.base,
                topic,
                item.refusal,
            )
            self._report_refusals()

    def _report_refusals(self) -> None:
        for reason in (NOT_AUTHORIZED, REFUSED):
            self._health.fault(reason, reason in self._refused.values())
