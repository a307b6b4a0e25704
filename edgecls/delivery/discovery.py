"""The message by which Home Assistant learns of a board: one device, its entities per watch. Pure.

Device discovery drops a key that it does not know in silence: every key is compared with Home
Assistant's own code by `make test-homeassistant`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from edgecls.delivery.entities import DeviceCard, WatchCard, device_entities, watch_entities
from edgecls.delivery.payloads import Payload

__all__ = ["DeviceCard", "WatchCard", "components", "discovery_payload", "discovery_topic"]

# With the platform an entity id of Home Assistant has at most 255 characters.
_MAX_OBJECT_ID = 200


def discovery_topic(prefix: str, device: str) -> str:
    """The one topic of device discovery, below Home Assistant's prefix."""
    return f"{prefix}/device/edgecls_{device}/config"


def discovery_payload(card: DeviceCard, removed: Mapping[str, str]) -> Payload:
    """The device with its components; `removed` (key -> platform) are those it had before."""
    device: Payload = {
        "ids": [f"edgecls_{card.device}"],
        "name": card.name,
        "mf": "edgecls",
        "sw": card.version,
    }
    if card.board is not None:
        device["mdl"] = card.board
    present = _complete(card, device_entities(card))
    for watch in card.watches:
        present |= _complete(card, watch_entities(card, watch), watch.name)
    gone = {key: {"p": platform} for key, platform in removed.items() if key not in present}
    return {
        "dev": device,
        "o": {"name": "edgecls", "sw": card.version},
        # As a list: a component cannot do without the other form, `avty_t`.
        "avty": [{"t": f"{card.base}/status"}],
        "cmps": present | gone,
    }


def components(payload: Payload) -> dict[str, str]:
    """Key -> platform of what a discovery payload announces, without what it removes."""
    found: Mapping[str, Mapping[str, str]] = payload["cmps"]
    return {key: each["p"] for key, each in found.items() if "uniq_id" in each}


def _complete(
    card: DeviceCard, entities: Mapping[str, Payload], watch: str | None = None
) -> dict[str, Payload]:
    """Components by their key: `sensor.frame_rate`, `binary_sensor.porch.dog`.

    No part of a key has a dot, so that two never give the same one.
    """
    found = {}
    for place, entity in entities.items():
        platform, role = place.split(".")
        name = role if watch is None else f"{watch}.{role}"
        key = f"{platform}.{name}"
        found[key] = {
            "p": platform,
            "uniq_id": f"edgecls_{card.device}.{key}",
            "def_ent_id": f"{platform}.{_object_id(f'{card.device}.{name}')}",
            "qos": 1,
            **entity,
        }
    return found


def _object_id(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name)[:_MAX_OBJECT_ID].strip("_")
