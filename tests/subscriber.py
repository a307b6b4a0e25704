"""A plain MQTT client for tests: remembers what arrives, and waits for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

LOOPBACK = "127.0.0.1"
WAIT_S = 15.0


@dataclass(frozen=True)
class Message:
    """One message as it arrived; `retain` as it was published (MQTT 5: retain as published)."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    expiry_s: int | None

    @property
    def text(self) -> str:
        return self.payload.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class Subscriber:
    """A plain MQTT 5 client that remembers what arrives; comes back after a broker's restart."""

    def __init__(
        self,
        port: int,
        *topics: str,
        persistent_as: str | None = None,
        login: tuple[str, str] | None = None,
        version: int = 5,
    ) -> None:
        """`persistent_as`: client id of a session that the broker keeps while we are away."""
        self.messages: list[Message] = []
        self._changed = threading.Condition()
        self._subscribed = 0
        self._topics, self._version = topics, version
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=persistent_as or "",
            clean_session=None if version == 5 else True,
            protocol=MQTTProtocolVersion(version),
        )
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        start: dict[str, Any] = {}
        if version == 5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 600 if persistent_as else 0
            start = {"clean_start": persistent_as is None, "properties": properties}
        self._client.connect(LOOPBACK, port, **start)
        self._client.loop_start()
        self._wait(lambda: self._subscribed > 0, "subscribed", WAIT_S)

    def wait_for(
        self, predicate: Callable[[list[Message]], bool], timeout_s: float = WAIT_S
    ) -> list[Message]:
        """Block until the predicate holds for the messages so far; those messages."""
        self._wait(lambda: predicate(self.messages), "expected messages", timeout_s)
        return list(self.messages)

    def wait_for_payload(self, topic: str, payload: str) -> list[Message]:
        """Block until this text arrived on a topic that ends so."""
        return self.wait_for(
            lambda found: any(m.topic.endswith(topic) and m.text == payload for m in found)
        )

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Publish at QoS 1 and wait until the broker has it."""
        self._client.publish(topic, payload, 1, retain).wait_for_publish(WAIT_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _wait(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        with self._changed:
            arrived = self._changed.wait_for(condition, timeout_s)
        seen = "\n".join(f"{m.topic} {m.payload[:120]!r}" for m in self.messages)
        assert arrived, f"not within {timeout_s:g} s: {what}; seen:\n{seen}"

    def _on_connect(self, client: Client, *_: object) -> None:
        for topic in self._topics:
            if self._version == 5:
                client.subscribe(topic, options=SubscribeOptions(2, retainAsPublished=True))
            else:
                client.subscribe(topic, 2)

    def _on_subscribe(self, *_: object) -> None:
        with self._changed:
            self._subscribed += 1
            self._changed.notify_all()

    def _on_message(self, _client: Client, _data: object, message: Any) -> None:
        expiry = getattr(message.properties, "MessageExpiryInterval", None)
        with self._changed:
            self.messages.append(
                Message(message.topic, bytes(message.payload), message.qos, message.retain, expiry)
            )
            self._changed.notify_all()
