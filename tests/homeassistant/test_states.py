from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from homeassistant.helpers.entity import Entity
from homeassistant.util import dt
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from edgecls.delivery.commands import parse_request, parse_setting, transaction_of
from edgecls.delivery.payloads import OFF, ON, Payload, health_payload, state_payload
from edgecls.health import HealthReport
from edgecls.stats import Stats
from tests.delivery.scenes import TS, dog_comes, dog_goes, nothing_yet, seen
from tests.homeassistant.home import BASE, CARD, PORCH, Home

LABEL = "sensor.porch_pi_porch_label"
SCORE = "sensor.porch_pi_porch_score"
MIN_SCORE = "number.porch_pi_porch_minimum_score"
CONFIG = {
    "schema": 1,
    "watches": {
        "porch": {"enabled": True, "min_score": 0.6, "model": "small"},
        "back_yard": {"enabled": False, "min_score": 1.0, "model": "large"},
    },
}


def stats_of(frames: int) -> Payload:
    """What the daemon reports of an interval, with the delivery's part."""
    stats = Stats(["porch"], ["porch"], 0.0)
    for _ in range(frames):
        stats.captured("porch")
        stats.classified(
            "porch", replace(seen(), preprocess_ms=0.4, inference_ms=7.0), 0, 1.0, 10.0
        )
    return stats.report(60.0) | {
        "outbox": {"pending": 3, "oldest_s": 1.0, "dropped": 2, "bytes": 9}
    }


async def test_the_label_sensor_says_the_state_and_none_without_one(home: Home) -> None:
    await home.discover()
    said = []
    for outcome in (nothing_yet(), dog_comes(), dog_goes()):
        await home.hear("porch/state", state_payload(outcome))
        said.append((home.says(LABEL), home.says(SCORE)))
    assert said == [("none", "unknown"), ("dog", "91.3"), ("none", "unknown")]
    assert home.told(LABEL, "options") == ["none", "dog", "cat"]


async def test_each_label_is_an_occupancy_sensor(home: Home) -> None:
    await home.discover()
    await home.hear("porch/label/dog", ON)
    await home.hear("porch/label/cat", OFF)
    assert home.says("binary_sensor.porch_pi_porch_dog") == "on"
    assert home.says("binary_sensor.porch_pi_porch_cat") == "off"
    assert home.told("binary_sensor.porch_pi_porch_dog", "device_class") == "occupancy"


async def test_health_is_a_problem_with_its_reasons(home: Home) -> None:
    await home.discover()
    await home.hear("health", health_payload(HealthReport((), ("tls_insecure",), TS)))
    assert home.says("binary_sensor.porch_pi_problem") == "off"
    assert home.told("binary_sensor.porch_pi_problem", "warnings") == ["tls_insecure"]
    await home.hear("health", health_payload(HealthReport(("camera_stalled:porch",), (), TS)))
    assert home.says("binary_sensor.porch_pi_problem") == "on"
    assert home.told("binary_sensor.porch_pi_problem", "reasons") == ["camera_stalled:porch"]


STATS = ("latency_p50", "latency_p95", "frame_rate", "events_waiting", "events_dropped")


def figures(home: Home) -> list[str | None]:
    """What the sensors of the board say."""
    return [home.says(f"sensor.porch_pi_{name}") for name in STATS]


async def test_stats_are_figures_for_three_intervals(home: Home) -> None:
    await home.discover()
    stats = stats_of(frames=894)
    await home.hear("stats", stats)
    latency = stats["latency_ms"]["end_to_end"]
    assert figures(home) == [str(latency["p50"]), str(latency["p95"]), "14.9", "3", "2"]
    for seconds, expected in ((170, "14.9"), (190, "unavailable")):
        async_fire_time_changed(home.hass, dt.utcnow() + timedelta(seconds=seconds))
        await home.hass.async_block_till_done()
        assert home.says("sensor.porch_pi_frame_rate") == expected


async def test_an_interval_without_a_frame_has_no_latency(home: Home) -> None:
    await home.discover()
    await home.hear("stats", stats_of(frames=0))
    assert figures(home) == ["unknown", "unknown", "0.0", "3", "2"]
    await home.hear("stats", {"uptime_s": 12})
    assert figures(home) == ["unknown"] * 5


@pytest.mark.parametrize(("told", "expected"), [({"soc_temp_c": 61.2}, "61.2"), ({}, "unknown")])
async def test_the_temperature_may_be_unknown(
    home: Home, monkeypatch: pytest.MonkeyPatch, told: Payload, expected: str
) -> None:
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)
    await home.discover()
    await home.hear("stats", stats_of(frames=1) | told)
    assert home.says("sensor.porch_pi_soc_temperature") == expected


async def test_config_shows_in_switch_number_and_select(home: Home) -> None:
    await home.discover()
    await home.hear("config", CONFIG)
    assert home.says("switch.porch_pi_porch_enabled") == "on"
    assert home.says("switch.porch_pi_back_yard_enabled") == "off"
    assert home.says(MIN_SCORE) == "0.6"
    assert float(home.says("number.porch_pi_back_yard_minimum_score") or "nan") == 1
    assert home.says("select.porch_pi_porch_model") == "small"


async def test_a_watch_that_config_no_longer_names_is_unknown(home: Home) -> None:
    await home.discover()
    await home.hear("config", CONFIG)
    await home.hear("config", {"schema": 1, "watches": {}})
    for entity in ("switch.porch_pi_porch_enabled", MIN_SCORE):
        assert home.says(entity) == "unknown"
    assert home.says("select.porch_pi_porch_model") == "unknown"


async def test_a_model_that_cannot_be_set_is_unknown(home: Home) -> None:
    await home.discover()
    watches = {"porch": {"enabled": True, "min_score": 0.6, "model": "of the catalogue"}}
    await home.hear("config", {"schema": 1, "watches": watches})
    assert home.says("select.porch_pi_porch_model") == "unknown"


async def test_the_snapshot_is_a_picture(home: Home) -> None:
    await home.discover()
    await home.hear("porch/snapshot", b"\xff\xd8 jpeg")
    assert home.says("image.porch_pi_porch_snapshot") not in (None, "unknown", "unavailable")


class Settable:
    """What a daemon with these watches takes."""

    def watches(self) -> tuple[str, ...]:
        return ("porch", "back_yard")

    def models(self) -> tuple[str, ...]:
        return PORCH.models


@pytest.mark.parametrize(
    ("service", "entity", "data", "setting"),
    [
        ("turn_on", "switch.porch_pi_porch_enabled", {}, ("enabled", True)),
        ("turn_off", "switch.porch_pi_porch_enabled", {}, ("enabled", False)),
        ("set_value", MIN_SCORE, {"value": 0.01}, ("min_score", 0.01)),
        ("set_value", MIN_SCORE, {"value": 1}, ("min_score", 1.0)),
        ("select_option", "select.porch_pi_porch_model", {"option": "large"}, ("model", "large")),
    ],
)
async def test_a_setting_is_sent_as_the_daemon_takes_it(
    home: Home, service: str, entity: str, data: dict[str, Any], setting: tuple[str, object]
) -> None:
    key, value = setting
    await home.discover()
    await home.hear("config", CONFIG)
    home.sent()
    await home.act(service, entity, **data)
    ((topic, payload, qos, retain),) = home.sent()
    assert (topic, qos, retain) == (f"{BASE}/porch/set/{key}", 1, False)
    assert parse_setting("porch", key, payload.encode(), Settable()).value == value


async def test_the_button_asks_for_a_restart(home: Home) -> None:
    await home.discover()
    home.sent()
    await home.act("press", "button.porch_pi_restart")
    ((topic, payload, _, retain),) = home.sent()
    assert (topic, retain) == (f"{BASE}/request/restart", False)
    assert transaction_of(parse_request(payload.encode())) == "ha"


async def test_what_is_not_allowed_is_not_offered(home: Home) -> None:
    await home.discover(replace(CARD, settable=False, restartable=False))
    offered = {entity.split(".")[0] for entity in home.entities()}
    assert offered == {"binary_sensor", "event", "image", "sensor"}
