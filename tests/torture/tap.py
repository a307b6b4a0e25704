"""Between a daemon and its broker: notes every event that passes, and can swallow or cut."""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.subscriber import LOOPBACK

# Small pieces: a cut then falls into the middle of a packet as often as between two.
_PIECE = 700
_CONNECT, _PUBLISH, _PUBACK = 1, 3, 4
_REFUSED = 0x80


@dataclass
class Copy:
    """One copy of an event as it went to the broker."""

    payload: dict[str, Any]
    taken: bool = False  # the broker acknowledged it, whether or not anybody heard that

    @property
    def key(self) -> tuple[str, int]:
        return self.payload["epoch"], self.payload["seq"]


@dataclass
class _Link:
    client: socket.socket
    broker: socket.socket
    deaf: bool = False  # what the broker says reaches nobody

    def cut(self) -> None:
        """Break it off: the other side learns of it by a reset as often as by an end."""
        for each in (self.client, self.broker):
            if random.random() < 0.5:
                with suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class Tap:
    """Listens on a port of its own and passes everything on to a broker."""

    def __init__(
        self, broker_port: int, *, keeps_broker: bool = False, encrypted: bool = False
    ) -> None:
        """`keeps_broker`: the broker does not notice that a client has gone, as in a power cut.
        What is `encrypted` is passed on unread."""
        self.copies: list[Copy] = []  # in the order in which they went to the broker
        self.broken_off = 0  # so many of the next connections end before anybody answers
        self.levels: list[int] = []  # of MQTT, as each connection asked for: 5, or 4 for 3.1.1
        self.accepted = 0  # connections so far
        self._broker_port, self._keeps_broker = broker_port, keeps_broker
        self._encrypted = encrypted
        self._links: list[_Link] = []
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, name="tap", daemon=True).start()

    @property
    def url(self) -> str:
        return f"mqtt://{LOOPBACK}:{self.port}"

    def swallow(self) -> None:
        """Let nothing through any more of what the broker says on the present connections."""
        for link in self._links:
            link.deaf = True

    def cut(self) -> None:
        """Break every connection."""
        links, self._links = self._links, []
        for link in links:
            link.cut()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        self._listener.close()
        self.cut()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self.broken_off > 0:
                self.broken_off -= 1
                client.recv(_PIECE)
                client.close()
                continue
            try:
                broker = socket.create_connection((LOOPBACK, self._broker_port), timeout=5)
                broker.settimeout(None)
            except OSError:
                client.close()
                continue
            link = _Link(client, broker)
            self._links.append(link)
            reader = _Reader(self)
            for body in (self._upwards, self._downwards):
                threading.Thread(target=body, args=(link, reader), daemon=True).start()

    def _upwards(self, link: _Link, reader: _Reader) -> None:
        keeps = self._keeps_broker
        with closing(link.client) if keeps else _closing(link.client, link), suppress(OSError):
            while piece := link.client.recv(_PIECE):
                if not self._encrypted:
                    reader.client_said(piece)  # before the broker can answer it
                link.broker.sendall(piece)

    def _downwards(self, link: _Link, reader: _Reader) -> None:
        with _closing(link.broker, link), suppress(OSError):
            while piece := link.broker.recv(_PIECE):
                if not self._encrypted:
                    reader.broker_said(piece)
                if not link.deaf:
                    link.client.sendall(piece)


@contextmanager
def _closing(source: socket.socket, link: _Link) -> Iterator[None]:
    """Whichever side ends, the link does."""
    try:
        yield
    finally:
        for each in (link.client, link.broker):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        source.close()


class _Reader:
    """Reads one connection's MQTT from both sides, as far as events are concerned."""

    def __init__(self, tap: Tap) -> None:
        self._tap, self._level = tap, 5
        self._from_client, self._from_broker = b"", b""
        self._under_way: dict[int, Copy] = {}  # by the number of the packet

    def client_said(self, piece: bytes) -> None:
        packets, self._from_client = _packets(self._from_client + piece)
        for first, body in packets:
            if first >> 4 == _CONNECT:
                self._level = body[6]
                self._tap.levels.append(self._level)
            elif first >> 4 == _PUBLISH and first & 0b110:
                self._published(body)

    def broker_said(self, piece: bytes) -> None:
        packets, self._from_broker = _packets(self._from_broker + piece)
        for first, body in packets:
            if first >> 4 == _PUBACK:
                copy = self._under_way.pop(int.from_bytes(body[:2]), None)
                if copy is not None:
                    copy.taken = len(body) < 3 or body[2] < _REFUSED

    def _published(self, body: bytes) -> None:
        end = 2 + int.from_bytes(body[:2])
        topic, number = body[2:end], int.from_bytes(body[end : end + 2])
        if not topic.endswith(b"/event"):
            return
        at = end + 2
        if self._level == 5:
            length, begins = _varint(body, at)
            at = begins + length
        copy = Copy(json.loads(body[at:]))
        self._under_way[number] = copy
        self._tap.copies.append(copy)


def _packets(stream: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole packets (first byte, the rest after the length), and what is not whole yet."""
    packets = []
    while len(stream) >= 2:
        try:
            length, begins = _varint(stream, 1)
        except IndexError:
            break
        if len(stream) < begins + length:
            break
        packets.append((stream[0], stream[begins : begins + length]))
        stream = stream[begins + length :]
    return packets, stream


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """MQTT's number of variable length, and where it ends. Raises IndexError if it is not whole."""
    value, shift = 0, 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at
