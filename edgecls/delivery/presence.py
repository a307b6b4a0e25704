"""Our own topics, as the broker gives them back: does anybody else speak in our name?"""

from __future__ import annotations

import logging

from edgecls.delivery.happenings import Arrived, Line
from edgecls.delivery.payloads import OFFLINE
from edgecls.delivery.session import CLIENT_ID_TAKEN
from edgecls.health import Health

log = logging.getLogger(__name__)


class Presence:
    """Owned by the delivery thread."""

    def __init__(self, base: str, health: Health) -> None:
        self.status, self.info = f"{base}/status", f"{base}/info"
        self._health = health
        self._connects = 0
        self._listening = False  # nothing of ours has come back on this connection
        self._foreign_before = False

    def listen_before(self, line: Line) -> None:
        """Subscribe to what was said of us meanwhile: before we say it ourselves."""
        self._connects += 1
        self._listening = True
        line.subscribe(self.info, 1)

    def listen_after(self, line: Line) -> None:
        """Subscribe to our status: an older will of ours may still come."""
        line.subscribe(self.status, 1)

    def is_told_offline(self, message: Arrived) -> bool:
        """Whether our status says `offline`."""
        return message.topic == self.status and message.payload == OFFLINE

    def note_info(self, message: Arrived, epoch: str) -> None:
        """Somebody else's `info` retained at each of two connects: they have our client id.

        Mosquitto before 2.0.15, and MQTT 3.1.1, do not say why they closed the connection. Once is
        not enough: a broker that lost its memory in a power cut has an old one of ours.
        """
        if message.topic != self.info or not self._listening:
            return
        self._listening = False  # what follows is what we say ourselves
        foreign = self._connects > 1 and epoch.encode() not in message.payload
        if foreign and self._foreign_before:
            self._health.fault(CLIENT_ID_TAKEN, True)
            log.warning("another client uses our client id: is there a second [device] id like it?")
        self._foreign_before = foreign

    def be_alone(self) -> None:
        """We have been connected for so long that nobody fights us."""
        self._health.fault(CLIENT_ID_TAKEN, False)
