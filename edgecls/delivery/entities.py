"""What Home Assistant shows of a board and of a watch, in the words of its MQTT platforms. Pure.

Labels and names of models are text from elsewhere: they never stand inside a template, only slugs
and names of watches do.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

from edgecls.delivery.payloads import NO_LABEL, Payload

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


def device_entities(card: DeviceCard) -> dict[str, Payload]:
    """By platform and what they are of the board: `sensor.latency_p50`."""
    entities: dict[str, Payload] = {
        "sensor.latency_p50": _latency(card, "p50"),
        "sensor.latency_p95": _latency(card, "p95"),
        "sensor.frame_rate": _stat(card, "Frame rate", "fps")
        | {"unit_of_meas": "fps", "ic": "mdi:filmstrip"},
        "sensor.events_waiting": _stat(card, "Events waiting", "outbox", "pending")
        | {"ic": "mdi:tray-full"},
        "sensor.events_dropped": _stat(card, "Events dropped", "outbox", "dropped")
        | {"stat_cla": "total_increasing", "ic": "mdi:tray-remove"},
        "sensor.soc_temperature": _stat(card, "SoC temperature", "soc_temp_c")
        | {"dev_cla": "temperature", "unit_of_meas": "°C", "en": False},
        "binary_sensor.problem": {
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
        entities["button.restart"] = {
            "name": "Restart",
            "dev_cla": "restart",
            "ent_cat": "config",
            "cmd_t": f"{card.base}/request/restart",
            "pl_prs": _RESTART,
        }
    return entities


def watch_entities(card: DeviceCard, watch: WatchCard) -> dict[str, Payload]:
    """By platform and what they are of the watch; a binary sensor is named by its label's slug."""
    topic, name = f"{card.base}/{watch.name}", _spoken(watch.name)
    entities: dict[str, Payload] = {
        "sensor.score": {
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
        entities["image.snapshot"] = {
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
        f"binary_sensor.{slug}": {
            "name": f"{name} {label if texts[label] == 1 else slug}",
            "dev_cla": "occupancy",
            "stat_t": f"{topic}/label/{slug}",
        }
        for label, slug in labels
    }
    return occupancy | {
        "event.event": {
            "name": f"{name} event",
            "ic": "mdi:tag-plus-outline",
            "stat_t": f"{topic}/event",
            "val_tpl": _FRESH_START,
            "evt_typ": list(texts),
            # Else Home Assistant tells the last event again when the board comes back.
            "avty": [],
        },
        "sensor.label": {
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
    def value(key: str) -> str:
        return f"value_json.watches.get('{watch.name}',{{}}).get('{key}')"

    def setting(key: str, name: str, icon: str) -> Payload:
        return {
            "name": f"{_spoken(watch.name)} {name}",
            "ic": icon,
            "ent_cat": "config",
            "stat_t": f"{card.base}/config",
            "val_tpl": f"{{{{ {value(key)} }}}}",
            "cmd_t": f"{card.base}/{watch.name}/set/{key}",
        }

    entities = {
        "switch.enabled": {
            **setting("enabled", "enabled", "mdi:eye"),
            "stat_on": "True",
            "stat_off": "False",
        },
        "number.minimum_score": {
            **setting("min_score", "minimum score", "mdi:tune-vertical"),
            "min": 0,
            "max": 1,
            "step": 0.01,
            "mode": "slider",
        },
    }
    if len(watch.models) > 1:
        entities["select.model"] = {
            **setting("model", "model", "mdi:brain"),
            # A watch may have begun with a model that has no table, and cannot be set.
            "val_tpl": f"{{% set m={value('model')} %}}"
            "{{ m if m in this.attributes.get('options',[]) else none }}",
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
        "name": name,
        "ent_cat": "diagnostic",
        "stat_t": f"{card.base}/stats",
        "val_tpl": f"{{{{ value_json{inner}.get('{path[-1]}') }}}}",
        "stat_cla": "measurement",
        "exp_aft": math.ceil(3 * card.interval_s),
    }


def _spoken(watch: str) -> str:
    """The name of a watch as people would write it."""
    return re.sub(r"[_-]+", " ", watch).strip().capitalize() or watch
