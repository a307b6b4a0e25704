"""The payload of device discovery. What Home Assistant makes of it: tests/homeassistant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgecls.delivery.discovery import (
    DeviceCard,
    WatchCard,
    components,
    discovery_payload,
    discovery_topic,
)
from edgecls.delivery.payloads import Payload

PORCH = WatchCard("porch", (("dog", "dog"), ("cat", "cat")), ("small", "large"), True)
YARD = WatchCard("back_yard", (), ("small", "large"), False)
CARD = DeviceCard(
    "porch-pi", "Porch Pi", "edgecls/porch-pi", "1.2.3", "Pi 5", 60.0, True, True, (PORCH, YARD)
)
FRESH_START = (
    "{% set e=value_json %}{% set a=this.attributes %}{% if e.phase=='start' and e.age_s<30 and "
    "(not e.ts_sync or as_timestamp(now())-as_timestamp(e.ts)<30) and (a.epoch|default('')"
    "!=e.epoch or e.seq>a.seq|default(0)|int) %}{{ {'event_type':e.label,'id':e.id,'epoch':"
    "e.epoch,'seq':e.seq,'score':e.score,'ts':e.ts}|to_json }}{% endif %}"
)


def announced(card: DeviceCard = CARD) -> dict[str, Payload]:
    """The components by their key."""
    found: dict[str, Payload] = discovery_payload(card, {})["cmps"]
    return found


def watching(**changes: Any) -> DeviceCard:
    """The board with the porch alone, changed."""
    return replace(CARD, watches=(replace(PORCH, **changes),))


def test_the_topic_is_one_per_device() -> None:
    assert discovery_topic("homeassistant", "porch-pi") == (
        "homeassistant/device/edgecls_porch-pi/config"
    )


def test_the_device_says_who_it_is_and_where_it_tells_that_it_is_there() -> None:
    payload = discovery_payload(CARD, {})
    assert payload["dev"] == {
        "ids": ["edgecls_porch-pi"],
        "name": "Porch Pi",
        "mf": "edgecls",
        "sw": "1.2.3",
        "mdl": "Pi 5",
    }
    assert payload["o"] == {"name": "edgecls", "sw": "1.2.3"}
    assert payload["avty"] == [{"t": "edgecls/porch-pi/status"}]
    assert "mdl" not in discovery_payload(replace(CARD, board=None), {})["dev"]


def test_a_watch_with_labels_has_these_entities() -> None:
    assert {key for key in announced() if ".porch." in key} == {
        "event.porch.event",
        "sensor.porch.label",
        "sensor.porch.score",
        "binary_sensor.porch.dog",
        "binary_sensor.porch.cat",
        "switch.porch.enabled",
        "number.porch.minimum_score",
        "select.porch.model",
        "image.porch.snapshot",
    }


def test_a_watch_without_labels_has_no_event_and_no_label() -> None:
    assert {key for key in announced() if ".back_yard." in key} == {
        "sensor.back_yard.score",
        "switch.back_yard.enabled",
        "number.back_yard.minimum_score",
        "select.back_yard.model",
    }


def test_the_board_has_these_entities() -> None:
    assert set(announced(replace(CARD, watches=()))) == {
        "sensor.latency_p50",
        "sensor.latency_p95",
        "sensor.frame_rate",
        "sensor.events_waiting",
        "sensor.events_dropped",
        "sensor.soc_temperature",
        "binary_sensor.problem",
        "button.restart",
    }


def test_what_is_not_to_be_set_or_restarted_has_no_entity_for_it() -> None:
    keys = announced(replace(CARD, settable=False, restartable=False))
    assert not {key.split(".")[0] for key in keys} & {"switch", "number", "select", "button"}


def test_a_model_is_selected_only_among_several() -> None:
    assert announced(watching())["select.porch.model"]["ops"] == ["small", "large"]
    assert "select.porch.model" not in announced(watching(models=("small",)))


def test_every_component_has_qos_1_and_its_ids() -> None:
    for key, component in announced().items():
        platform = key.split(".")[0]
        assert (component["p"], component["qos"]) == (platform, 1)
        assert component["uniq_id"] == f"edgecls_porch-pi.{key}"
        assert component["def_ent_id"].startswith(f"{platform}.porch_pi_")
        assert not {"object_id", "obj_id"} & set(component)


def test_events_filter_themselves_and_do_not_come_back_with_the_board() -> None:
    event = announced()["event.porch.event"]
    assert event["avty"] == []
    assert event["evt_typ"] == ["dog", "cat"]
    assert event["val_tpl"] == FRESH_START
    assert [key for key, each in announced().items() if "avty" in each] == ["event.porch.event"]


@pytest.mark.parametrize(("interval_s", "expire_s"), [(60.0, 180), (0.5, 2)])
def test_stats_expire_after_three_intervals(interval_s: float, expire_s: int) -> None:
    keys = announced(replace(CARD, interval_s=interval_s))
    expiring = {key: each["exp_aft"] for key, each in keys.items() if "exp_aft" in each}
    of_stats = {key for key, each in keys.items() if each.get("stat_t") == f"{CARD.base}/stats"}
    assert set(expiring) == of_stats
    assert set(expiring.values()) == {expire_s}


def test_text_from_elsewhere_never_stands_in_a_template() -> None:
    odd = "{{ 1/0 }}'"
    card = watching(labels=((odd, "_1_0_"), ("dog", "dog")), models=(odd, "small"))
    templates = [
        text for each in announced(card).values() for key, text in each.items() if "tpl" in key
    ]
    assert len(templates) == 14
    assert not any("1/0" in text for text in templates)


def test_two_classes_of_one_label_are_one_choice_and_two_sensors() -> None:
    keys = announced(watching(labels=(("crane", "crane_134"), ("crane", "crane_517"))))
    assert keys["event.porch.event"]["evt_typ"] == ["crane"]
    assert keys["sensor.porch.label"]["ops"] == ["none", "crane"]
    names = [keys[f"binary_sensor.porch.crane_{index}"]["name"] for index in (134, 517)]
    assert names == ["Porch crane_134", "Porch crane_517"]


def test_names_and_slugs_never_make_one_id_of_two() -> None:
    slugs = (("score", "score"), ("label", "label"), ("porch_label", "porch_label"))
    names = ("porch", "porch_label", "porch-label", "label", "_", "-")
    watches = tuple(WatchCard(name, slugs, (), False) for name in names)
    ids = [each["uniq_id"] for each in announced(replace(CARD, watches=watches)).values()]
    assert len(set(ids)) == len(ids) == 8 + len(names) * (3 + len(slugs) + 2)


def test_what_is_removed_is_named_with_its_platform_only() -> None:
    removed = {"binary_sensor.porch.cow": "binary_sensor", "sensor.porch.score": "sensor"}
    payload = discovery_payload(CARD, removed)
    assert payload["cmps"]["binary_sensor.porch.cow"] == {"p": "binary_sensor"}
    assert payload["cmps"]["sensor.porch.score"]["name"] == "Porch score"  # it is back
    assert components(payload) == components(discovery_payload(CARD, {}))
    assert components(payload)["sensor.porch.score"] == "sensor"
