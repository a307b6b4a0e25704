"""A short stay at the broker, under a client id of its own: the running daemon is not disturbed.

Nothing is published as retained; there is no will, and no session stays behind.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Self

from edgecls.delivery.connection import Connection, End, Ending, Login
from edgecls.delivery.happenings import Acknowledged, Arrived, Happening, Unheard
from edgecls.delivery.url import BrokerUrl

_ANSWERING_S = 5.0
_SILENCE_S = 0.5  # after which no retained message follows any more
_EXPIRY_S = 1  # nobody who is away now is to get what we publish
_LEAVING_S = 2.0
_GLANCE_S = 0.1


@dataclass(frozen=True, slots=True)
class Heard:
    """What subscribing came to."""

    messages: Mapping[str, bytes]  # topic -> payload, of those that were retained
    refused: Mapping[str, str]  # topic -> why


class Visit:
    """Entered when the broker has accepted us; one that hangs up is entered again."""

    def __init__(self, url: BrokerUrl, login: Login, versions: Iterable[int]) -> None:
        """`versions` of MQTT are tried in turn: 5, or 4 for 3.1.1."""
        self._url, self._login, self._versions = url, login, tuple(versions)
        self.version = self._versions[0]
        self.arrived: set[str] = set()
        """Topics of which a message came that was not retained."""

    def enter(self) -> Ending | None:
        """None when the broker has accepted us."""
        ending = None
        for version in self._versions:
            self.version = version
            self._told: Queue[Happening] = Queue()
            self._connection = Connection(self._url, version, self._login, self._told.put)
            ending = self._connection.open()
            if ending is None:
                threading.Thread(target=self._connection.stay, daemon=True).start()
                return None
            if ending.end not in (End.OLD_BROKER, End.NO_ANSWER):
                break
        return ending

    def publish(self, topic: str, payload: bytes) -> Acknowledged | str:
        """How the broker acknowledged a message; or why not, in words."""
        if self._connection.ended.is_set() and (ending := self.enter()) is not None:
            return ending.why
        mid = self._connection.publish(topic, payload, qos=1, retain=False, expiry_s=_EXPIRY_S)
        while (told := self._next(_ANSWERING_S)) is not None:
            if isinstance(told, Acknowledged) and told.mid == mid:
                return told
        gone = self._connection.ended.is_set()
        return "the broker closed the connection" if gone else "the broker does not acknowledge it"

    def subscribe(self, topics: Mapping[str, int]) -> Heard:
        """Ask for topics (topic -> QoS), and take in what was retained on them."""
        for topic, qos in topics.items():
            self._connection.subscribe(topic, qos)
        messages: dict[str, bytes] = {}
        refused: dict[str, str] = {}
        while (told := self._next(_SILENCE_S)) is not None:
            if isinstance(told, Arrived) and told.retained and not told.cut:
                messages[told.topic] = told.payload
            elif isinstance(told, Unheard):
                refused[told.topic] = told.why
        return Heard(messages, refused)

    def listen(self) -> None:
        """Until it is silent."""
        while self._next(_SILENCE_S) is not None:
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.disconnect()
        self._connection.ended.wait(_LEAVING_S)

    def _next(self, timeout_s: float) -> Happening | None:
        """What happens next, or None when nothing does, or when the connection has ended."""
        left_s = timeout_s
        while True:
            try:
                told = self._told.get(timeout=_GLANCE_S)
            except Empty:
                left_s -= _GLANCE_S
                if left_s <= 0 or self._connection.ended.is_set():
                    return None
            else:
                if isinstance(told, Arrived) and not told.retained:
                    self.arrived.add(told.topic)
                return told
