"""What Home Assistant is told: one device per board, its entities per watch. Pure.

Device discovery drops a key that it does not know in silence: every key here is compared with Home
Assistant's own code by `make test-homeassistant`. Labels and model names are text from elsewhere:
they never stand inside a template, only slugs and names of watches do.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from edgecls.delivery.payloads import NO_LABEL, Payload

# Home Assistant allows 255 characters and cuts nothing off before it checks.
_MAX_OBJECT_ID = 200
# Which answer is whose in `response/restart`.
_RESTART = '{"transaction":"ha"}'
# What is late or was seen before is no event: automations act on this one.
_FRESH_START = (
    "{% set e=value_json %}{% set a=this.attributes %}"
    "{% if e.phase=='start' and e.age_s<30"
    " and (not e.ts_sync or as_timestamp(now())-as_timestamp(e.ts)<30)"
    " and (a.epoch|default('')!=e.epoch or e.seq>a.seq|default(0)|int) %}"
    "{{ {'event_type':e.label,'id':e.id,'epoch':e.epoch,'seq':e.seq,'score':e.score,'ts':e.ts}"
    "|to_json }}{% endif %}"
)
_PROBLEM = "{{ 'OFF' if value_json.ok else 'ON' }}"
_PROBLEM_ATTRIBUTES = (
    "{{ {'reasons':value_json.reasons,'warnings':value_json.warnings,'since':value_json.since}"
    "|to_json }}"
)
_SCORE = "{{ none if value_json.score is none else (value_json.score*100)|round(1) }}"


@dataclass(frozen=True, slots=True)
class WatchCard:
    """What Home Assistant is told of a watch."""

    name: str
    labels: tuple[tuple[str, str], ...]  # (label, slug) with topics of their own; none: no `labels`
    models: tuple[str, ...]  # what `set/model` takes
    snapshot: bool


@dataclass(frozen=True, slots=True)
class DeviceCard:
    """What Home Assistant is told of the board."""

    device: str
    name: str
    base: str  # the topic below which this device speaks
    version: str
    board: str | None
    interval_s: float
    settable: bool
    restartable: bool
    watches: tuple[WatchCard, ...]


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
    present = _complete(card, _device_entities(card))
    for watch in card.watches:
        present |= _complete(card, _watch_entities(card, watch), watch.name)
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
    """Components by their key: `sensor.fps`, `binary_sensor.porch.dog`.

    No part of a key has a dot, so that two never give the same one.
    """
    found = {}
    for role, entity in entities.items():
        name = role if watch is None else f"{watch}.{role}"
        platform, object_id = entity["p"], _object_id(f"{card.device}.{name}")
        key = f"{platform}.{name}"
        found[key] = {
            "uniq_id": f"edgecls_{card.device}.{key}",
            "def_ent_id": f"{platform}.{object_id}",
            "qos": 1,
            **entity,
        }
    return found


def _device_entities(card: DeviceCard) -> dict[str, Payload]:
    entities: dict[str, Payload] = {
        "latency_p50": _latency(card, "p50"),
        "latency_p95": _latency(card, "p95"),
        "fps": _stat(card, "Frames per second", "fps")
        | {"unit_of_meas": "fps", "ic": "mdi:filmstrip"},
        "events_waiting": _stat(card, "Events waiting", "outbox", "pending")
        | {"ic": "mdi:tray-full"},
        "events_dropped": _stat(card, "Events dropped", "outbox", "dropped")
        | {"stat_cla": "total_increasing", "ic": "mdi:tray-remove"},
        "soc_temperature": _stat(card, "SoC temperature", "soc_temp_c")
        | {"dev_cla": "temperature", "unit_of_meas": "°C", "en": False},
        "problem": {
            "p": "binary_sensor",
            "name": "Problem",
            "dev_cla": "problem",
            "ent_cat": "diagnostic",
            "stat_t": f"{card.base}/health",
            "val_tpl": _PROBLEM,
            "json_attr_t": f"{card.base}/health",
            "json_attr_tpl": _PROBLEM_ATTRIBUTES,
        },
    }
    if card.restartable:
        entities["restart"] = {
            "p": "button",
            "name": "Restart",
            "dev_cla": "restart",
            "ent_cat": "config",
            "cmd_t": f"{card.base}/request/restart",
            "pl_prs": _RESTART,
        }
    return entities


def _watch_entities(card: DeviceCard, watch: WatchCard) -> dict[str, Payload]:
    topic, name = f"{card.base}/{watch.name}", _spoken(watch.name)
    entities: dict[str, Payload] = {
        "score": {
            "p": "sensor",
            "name": f"{name} score",
            "ic": "mdi:gauge",
            "stat_t": f"{topic}/state",
            "val_tpl": _SCORE,
            "unit_of_meas": "%",
            "stat_cla": "measurement",
            "sug_dsp_prc": 0,
        }
    }
    if watch.labels:
        entities |= _label_entities(topic, name, watch.labels)
    if watch.snapshot:
        entities["snapshot"] = {
            "p": "image",
            "name": f"{name} snapshot",
            "img_t": f"{topic}/snapshot",
        }
    if card.settable:
        entities |= _settings_entities(card, watch)
    return entities


def _label_entities(
    topic: str, name: str, labels: tuple[tuple[str, str], ...]
) -> dict[str, Payload]:
    texts = Counter(label for label, _ in labels)
    # Two classes may have the same label; their slugs differ.
    occupancy: dict[str, Payload] = {
        slug: {
            "p": "binary_sensor",
            "name": f"{name} {label if texts[label] == 1 else slug}",
            "dev_cla": "occupancy",
            "stat_t": f"{topic}/label/{slug}",
        }
        for label, slug in labels
    }
    return occupancy | {
        "event": {
            "p": "event",
            "name": f"{name} event",
            "ic": "mdi:tag-plus-outline",
            "stat_t": f"{topic}/event",
            "val_tpl": _FRESH_START,
            "evt_typ": list(texts),
            # Else Home Assistant tells the last event again when the board comes back.
            "avty": [],
        },
        "label": {
            "p": "sensor",
            "name": f"{name} label",
            "ic": "mdi:tag-outline",
            "dev_cla": "enum",
            "stat_t": f"{topic}/state",
            "val_tpl": "{{ value_json.label }}",
            # Home Assistant strips what a template gives.
            "ops": list(dict.fromkeys([NO_LABEL, *(text.strip() for text in texts)])),
        },
    }


def _settings_entities(card: DeviceCard, watch: WatchCard) -> dict[str, Payload]:
    def setting(key: str, name: str, icon: str) -> Payload:
        return {
            "name": f"{_spoken(watch.name)} {name}",
            "ic": icon,
            "ent_cat": "config",
            "stat_t": f"{card.base}/config",
            "val_tpl": f"{{{{ value_json.watches.get('{watch.name}',{{}}).get('{key}') }}}}",
            "cmd_t": f"{card.base}/{watch.name}/set/{key}",
        }

    entities = {
        "enabled": {
            "p": "switch",
            **setting("enabled", "enabled", "mdi:eye"),
            "stat_on": "True",
            "stat_off": "False",
        },
        "min_score": {
            "p": "number",
            **setting("min_score", "minimum score", "mdi:tune-vertical"),
            "min": 0,
            "max": 1,
            "step": 0.01,
            "mode": "slider",
        },
    }
    if len(watch.models) > 1:
        entities["model"] = {
            "p": "select",
            **setting("model", "model", "mdi:brain"),
            "ops": list(watch.models),
        }
    return entities


def _latency(card: DeviceCard, percentile: str) -> Payload:
    stat = _stat(card, f"Latency {percentile}", "latency_ms", "end_to_end", percentile)
    return stat | {"dev_cla": "duration", "unit_of_meas": "ms", "sug_dsp_prc": 1}


def _stat(card: DeviceCard, name: str, *path: str) -> Payload:
    """A figure of `stats`; one that is absent there is unknown, without a word in the log."""
    inner = "".join(f".get('{key}',{{}})" for key in path[:-1])
    return {
        "p": "sensor",
        "name": name,
        "ent_cat": "diagnostic",
        "stat_t": f"{card.base}/stats",
        "val_tpl": f"{{{{ value_json{inner}.get('{path[-1]}') }}}}",
        "stat_cla": "measurement",
        "exp_aft": math.ceil(3 * card.interval_s),
    }


def _object_id(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name)[:_MAX_OBJECT_ID].strip("_")


def _spoken(watch: str) -> str:
    """The name of a watch as people would write it."""
    return re.sub(r"[_-]+", " ", watch).strip().capitalize() or watch
