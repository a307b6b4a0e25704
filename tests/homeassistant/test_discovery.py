from __future__ import annotations

import importlib
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import voluptuous as vol
from homeassistant.components.mqtt import discovery as theirs
from homeassistant.components.mqtt.schemas import DEVICE_DISCOVERY_SCHEMA
from homeassistant.helpers import device_registry, entity_registry, issue_registry

from edgecls.delivery.discovery import WatchCard, components, discovery_payload
from edgecls.delivery.payloads import ON, Payload
from tests.homeassistant.home import CARD, PORCH, TOPIC, YARD, Home, watching

ENTITIES = {
    "binary_sensor.porch_pi_porch_cat",
    "binary_sensor.porch_pi_porch_dog",
    "binary_sensor.porch_pi_problem",
    "button.porch_pi_restart",
    "event.porch_pi_porch_event",
    "image.porch_pi_porch_snapshot",
    "number.porch_pi_back_yard_minimum_score",
    "number.porch_pi_porch_minimum_score",
    "select.porch_pi_back_yard_model",
    "select.porch_pi_porch_model",
    "sensor.porch_pi_back_yard_score",
    "sensor.porch_pi_events_dropped",
    "sensor.porch_pi_events_waiting",
    "sensor.porch_pi_frame_rate",
    "sensor.porch_pi_latency_p50",
    "sensor.porch_pi_latency_p95",
    "sensor.porch_pi_porch_label",
    "sensor.porch_pi_porch_score",
    "sensor.porch_pi_soc_temperature",
    "switch.porch_pi_back_yard_enabled",
    "switch.porch_pi_porch_enabled",
}


def accepted_by_strict_schemas(payload: Payload) -> set[str]:
    """The platforms whose schemas took every key; raises at one that they do not know."""
    written_out: Any = deepcopy(payload)
    theirs._replace_all_abbreviations(written_out)
    DEVICE_DISCOVERY_SCHEMA(written_out)
    platforms = set()
    for component in written_out["components"].values():
        platform = component.pop("platform")
        module = importlib.import_module(f"homeassistant.components.mqtt.{platform}")
        if "default_entity_id" not in theirs.ABBREVIATIONS.values():  # before 2025.10
            assert component.pop("def_ent_id").startswith(f"{platform}.")
        theirs._merge_common_device_options(component, written_out)
        shared = {"device": written_out["device"], "origin": written_out["origin"]}
        module.PLATFORM_SCHEMA_MODERN(component | shared)
        platforms.add(platform)
    return platforms


def test_home_assistant_knows_every_key(hass: Any) -> None:
    platforms = {entity.split(".")[0] for entity in ENTITIES}
    assert accepted_by_strict_schemas(discovery_payload(CARD, {})) == platforms


@pytest.mark.parametrize(
    "key", ["sensor.frame_rate", "event.porch.event", "number.porch.minimum_score"]
)
def test_a_key_that_home_assistant_does_not_know_would_be_noticed(hass: Any, key: str) -> None:
    payload = discovery_payload(CARD, {})
    payload["cmps"][key]["expire_afer"] = 3
    with pytest.raises(vol.Invalid, match="extra keys"):
        accepted_by_strict_schemas(payload)


async def test_every_entity_is_there(home: Home) -> None:
    await home.discover()
    assert home.entities() == ENTITIES
    assert not issue_registry.async_get(home.hass).issues


async def test_all_belong_to_one_device(home: Home) -> None:
    await home.discover()
    (device,) = device_registry.async_get(home.hass).devices.values()
    assert device.identifiers == {("mqtt", "edgecls_porch-pi")}
    assert (device.name, device.model, device.sw_version) == ("porch-pi", "Raspberry Pi 5", "1.2.3")
    entities = entity_registry.async_get(home.hass).entities.values()
    assert {entity.device_id for entity in entities} == {device.id}
    disabled = [entity.entity_id for entity in entities if entity.disabled]
    assert disabled == ["sensor.porch_pi_soc_temperature"]


async def test_offline_makes_all_but_events_unavailable(home: Home) -> None:
    await home.discover()
    await home.hear("status", b"offline")
    present = {e for e in ENTITIES if home.says(e) not in (None, "unavailable")}
    assert present == {"event.porch_pi_porch_event"}


async def test_odd_labels_are_taken_as_they_are(home: Home) -> None:
    texts = ['{{ 1/0 }} "odd"', "7", "Große Münsterländer", "x" * 200, "犬"]
    labels = tuple((text, f"slug_{index}") for index, text in enumerate(texts))
    await home.discover(watching(replace(PORCH, labels=labels)))
    for text, slug in labels:
        await home.hear("porch/state", {"label": text, "slug": slug, "score": 0.9})
        assert home.says("sensor.porch_pi_porch_label") == text
        await home.hear(f"porch/label/{slug}", ON)
    occupied = [e for e in home.entities() if home.says(e) == "on"]
    assert len(occupied) == len(texts)


async def test_two_classes_of_one_label_are_two_sensors(home: Home) -> None:
    cranes = (("crane", "crane_134"), ("crane", "crane_517"))
    await home.discover(watching(replace(PORCH, labels=cranes)))
    assert home.told("event.porch_pi_porch_event", "event_types") == ["crane"]
    assert home.told("sensor.porch_pi_porch_label", "options") == ["none", "crane"]
    await home.hear("porch/label/crane_517", ON)
    assert home.says("binary_sensor.porch_pi_porch_crane_134") == "unknown"
    assert home.says("binary_sensor.porch_pi_porch_crane_517") == "on"


async def test_odd_names_of_watches_do_not_get_into_each_others_way(home: Home) -> None:
    names = ("porch", "porch_label", "porch-label", "_", "-", "label", "a__b", "x" * 40)
    labels = (("score", "score"), ("label", "label"), ("event", "event"))
    card = watching(*(WatchCard(name, labels, (), False) for name in names))
    await home.discover(card)
    assert len(home.entities()) == len(components(discovery_payload(card, {}))) == 8 + 8 * 8


async def test_a_device_may_be_called_as_its_watch(home: Home) -> None:
    await home.discover(replace(CARD, device="porch", name="Porch"))
    assert home.told("sensor.porch_porch_label", "friendly_name") == "Porch Porch label"


async def test_what_is_removed_disappears(home: Home) -> None:
    before = watching(PORCH, YARD)
    after = watching(replace(PORCH, labels=PORCH.labels[:1]))
    await home.discover(before)
    gone = (
        components(discovery_payload(before, {})).items()
        - components(discovery_payload(after, {})).items()
    )
    home.sent()
    await home.discover(after, dict(gone))
    assert home.sent() == []  # our retained message stays
    assert home.entities() == {
        entity for entity in ENTITIES if "cat" not in entity and "yard" not in entity
    }
    assert home.says("binary_sensor.porch_pi_porch_cat") is None
    await home.discover(after, dict(gone))  # said for ever


async def test_what_was_removed_while_home_assistant_was_away_is_left_to_its_user(
    home: Home,
) -> None:
    await home.discover()
    await home.restart()
    without = watching(replace(PORCH, labels=PORCH.labels[:1]), YARD)
    await home.discover(without, {"binary_sensor.porch.cat": "binary_sensor"})
    assert home.says("binary_sensor.porch_pi_porch_dog") == "unknown"
    assert home.says("binary_sensor.porch_pi_porch_cat") == "unavailable"
    assert home.told("binary_sensor.porch_pi_porch_cat", "restored") is True  # it may be deleted


async def test_what_home_assistant_never_knew_may_be_removed(home: Home) -> None:
    removed = {"binary_sensor.gone.dog": "binary_sensor", "select.gone.model": "select"}
    await home.discover(CARD, removed)
    assert home.entities() == ENTITIES


async def test_nothing_is_left_of_a_device_that_is_taken_back(home: Home) -> None:
    await home.discover()
    await home.hear(TOPIC, b"")
    assert home.entities() == set()
    assert not device_registry.async_get(home.hass).devices


async def test_a_label_that_comes_back_is_there_again(home: Home) -> None:
    without = watching(replace(PORCH, labels=PORCH.labels[:1]), YARD)
    await home.discover()
    await home.discover(without, {"binary_sensor.porch.cat": "binary_sensor"})
    await home.discover()
    assert home.entities() == ENTITIES
