"""A desk, and those it works for: what they were told is there to be read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgecls.delivery.commands import BadCommand, Collect, Setting
from edgecls.delivery.desk import Desk
from edgecls.delivery.happenings import Acknowledged, Arrived
from edgecls.delivery.wire import Wire
from edgecls.health import Health
from edgecls.settings import MqttSettings

BASE = "edgecls/board"
COMMANDS = ("set", "ping", "replay", "restart", "snapshot")
PREFIXES = ("clients/",)


@dataclass(frozen=True)
class Sent:
    """One message as the line took it."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    correlation: bytes | None

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class FakeLine:
    """Takes every message and acknowledges none."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.broker = "a broker"

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int,
        retain: bool,
        expiry_s: int | None = None,
        correlation: bytes | None = None,
    ) -> int | None:
        assert expiry_s is None
        self.sent.append(Sent(topic, payload, qos, retain, correlation))
        return len(self.sent)

    def subscribe(self, topic: str, qos: int, *, newly_published_only: bool = False) -> None:
        raise AssertionError("nobody subscribes here")


@dataclass
class House:
    """Two watches, two models, and what was done to them."""

    line: FakeLine
    names: list[str] = field(default_factory=lambda: ["porch", "yard"])
    settings: list[Setting] = field(default_factory=list)
    restarts: list[int] = field(default_factory=list)  # answers that were out before
    snapshots: list[str] = field(default_factory=list)
    collected: list[Collect] = field(default_factory=list)

    def watches(self) -> set[str]:
        return set(self.names)

    def models(self) -> set[str]:
        return {"small", "large"}

    def apply(self, setting: Setting) -> None:
        self.settings.append(setting)

    def restart(self) -> None:
        self.restarts.append(len(self.line.sent))

    def snapshot(self, watch: str) -> str | None:
        self.snapshots.append(watch)
        return None if watch == "porch" else "snapshot is not true for this watch"

    def collect(self, asked: Collect) -> Path:
        if asked.watch == "yard":
            raise BadCommand("the watch yard is not enabled")
        self.collected.append(asked)
        return Path("/state", asked.watch, asked.label)


class Ring:
    """Three events of one epoch."""

    epoch = "7f3c9a"

    def since(
        self, after_seq: int, limit: int, *, epoch: str | None
    ) -> tuple[list[dict[str, Any]], bool]:
        kept = range(1, 4) if epoch in (None, self.epoch) else range(0)
        found = [{"epoch": self.epoch, "seq": seq} for seq in kept if seq > after_seq]
        return found[:limit], len(found) > limit


class Front:
    """A desk on a line, with a clock that stands until it is moved."""

    def __init__(self, **settings: Any) -> None:
        self.now_s = 1000.0
        self.line = FakeLine()
        self.house = House(self.line)
        self.wire = Wire(BASE, Health())
        self.wire.connected(self.line)
        told: dict[str, Any] = {"commands": COMMANDS, "response_prefixes": PREFIXES, **settings}
        self.desk = Desk(
            BASE,
            MqttSettings(url="mqtt://x", **told),
            self.wire,
            settable=self.house,
            control=self.house,
            ring=Ring(),
            clock=lambda: self.now_s,
        )

    def hear(self, topic: str, payload: bytes | str = b"{}", **more: Any) -> list[Sent]:
        """Let a message arrive below BASE; what was sent upon it."""
        raw = payload if isinstance(payload, bytes) else payload.encode()
        return self.take(
            Arrived(self.line, f"{BASE}/{topic}", raw, more.pop("retained", False), **more)
        )

    def take(self, message: Arrived) -> list[Sent]:
        """Let a message arrive; what was sent upon it."""
        before = len(self.line.sent)
        self.desk.take(message)
        return self.line.sent[before:]

    def ask(self, op: str, **asked: Any) -> Any:
        """The one answer to a request."""
        (answer,) = self.hear(f"request/{op}", json.dumps(asked))
        assert (answer.topic, answer.qos, answer.retain) == (f"{BASE}/response/{op}", 1, False)
        assert set(answer.json) == {"status", "data", "error", "transaction"}
        return answer.json

    def acknowledge_all(self) -> None:
        """The broker has taken everything."""
        for mid in range(1, len(self.line.sent) + 1):
            self.wire.acknowledged(Acknowledged(self.line, mid))
