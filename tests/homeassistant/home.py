"""A board as Home Assistant hears it: the payloads are what our own code makes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from homeassistant.core import callback
from homeassistant.helpers import entity_registry
from homeassistant.helpers.event import async_track_state_change_event
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message

from edgecls.delivery.discovery import (
    DeviceCard,
    WatchCard,
    discovery_payload,
    discovery_topic,
)
from edgecls.delivery.numbering import Numbering
from edgecls.delivery.payloads import Payload, copy_of, encode, event_payload
from edgecls.domain import Phase
from tests.delivery.scenes import event

BASE = "edgecls/porch-pi"
TOPIC = discovery_topic("homeassistant", "porch-pi")
PORCH = WatchCard("porch", (("dog", "dog"), ("cat", "cat")), ("small", "large"), True)
YARD = WatchCard("back_yard", (), ("small", "large"), False)
CARD = DeviceCard(
    "porch-pi", "porch-pi", BASE, "1.2.3", "Raspberry Pi 5", 60.0, True, True, (PORCH, YARD)
)


def watching(*watches: WatchCard) -> DeviceCard:
    """The board with other watches."""
    return replace(CARD, watches=watches)


def started(numbering: Numbering, label: str = "dog", **changes: Any) -> Payload:
    """A start that has just happened, as it is stored."""
    facts: dict[str, Any] = {"ts": time.time(), "label": label, "slug": label} | changes
    return event_payload(numbering.number(event(Phase.START, **facts), ts_sync=True))


class Home:
    """Home Assistant, and the broker that it hears."""

    def __init__(self, hass: Any, mqtt: Any) -> None:
        self.hass, self._mqtt = hass, mqtt

    async def hear(self, topic: str, payload: bytes | Payload, *, retain: bool = False) -> None:
        """A message, below our base unless the topic is the discovery's.

        `retain` as the broker says it: of what it held when Home Assistant subscribed.
        """
        whole = topic if topic == TOPIC else f"{BASE}/{topic}"
        body = payload if isinstance(payload, bytes) else encode(payload)
        async_fire_mqtt_message(self.hass, whole, body, 1, retain)
        await self.hass.async_block_till_done()

    async def discover(
        self, card: DeviceCard = CARD, removed: Mapping[str, str] | None = None
    ) -> None:
        """What the daemon publishes as it connects."""
        await self.hear(TOPIC, discovery_payload(card, removed or {}))
        await self.hear("status", b"online")

    async def restart(self) -> None:
        """Home Assistant forgets what it has heard; what it has stored stays."""
        (entry,) = self.hass.config_entries.async_entries("mqtt")
        assert await self.hass.config_entries.async_reload(entry.entry_id)
        await self.hass.async_block_till_done()
        self.hass.data["mqtt"].client.connected = True

    async def hear_event(self, stored: Payload, *, age_s: float = 0.1, attempt: int = 1) -> None:
        """A copy of an event."""
        await self.hear("porch/event", copy_of(stored, age_s=age_s, attempt=attempt))

    async def act(self, service: str, entity: str, **data: Any) -> None:
        """What a person does in the user interface."""
        await self.hass.services.async_call(
            entity.split(".", maxsplit=1)[0], service, {"entity_id": entity, **data}, blocking=True
        )

    def sent(self) -> list[tuple[str, Any, int, bool]]:
        """What was published since the last call: topic, payload, QoS, retain."""
        calls = [tuple(call.args[:4]) for call in self._mqtt.async_publish.call_args_list]
        self._mqtt.async_publish.reset_mock()
        return calls

    def says(self, entity: str) -> str | None:
        """The state of an entity; None where there is no such entity."""
        state = self.hass.states.get(entity)
        return None if state is None else state.state

    def told(self, entity: str, attribute: str) -> Any:
        """An attribute of an entity."""
        return self.hass.states.get(entity).attributes.get(attribute)

    def entities(self) -> set[str]:
        """All that can be seen, and what is disabled as well."""
        return set(entity_registry.async_get(self.hass).entities)

    def watch(self, entity: str) -> list[str]:
        """The list to which each change of the entity is added, as its state."""
        seen: list[str] = []

        def note(change: Any) -> None:
            seen.append(change.data["new_state"].state)

        async_track_state_change_event(self.hass, [entity], callback(note))
        return seen
