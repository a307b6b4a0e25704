"""The files that users copy, in Home Assistant's automations.

Cards are drawn by its frontend, which is not here: of them the entities are checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from homeassistant.components.mqtt import MQTT_CONNECTION_STATE
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.setup import async_setup_component
from homeassistant.util import dt
from homeassistant.util.yaml import parse_yaml
from pytest_homeassistant_custom_component.common import (
    async_fire_time_changed,
    async_mock_service,
)

from edgecls.delivery.numbering import Numbering
from edgecls.delivery.payloads import OFF, ON, health_payload
from edgecls.health import HealthReport
from tests.delivery.scenes import TS
from tests.homeassistant.home import PORCH, Home, started, watching

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
LABELS = (("dark", "dark"), ("covered", "covered"))
BOARD = watching(replace(PORCH, labels=LABELS, snapshot=False))


@pytest.fixture
async def automated(home: Home) -> Home:
    """Home Assistant with the automations of the recipe, and the board of the page."""
    text = (RECIPES / "home-assistant-automation.yaml").read_text()
    await home.discover(BOARD)
    assert await async_setup_component(home.hass, "automation", {"automation": parse_yaml(text)})
    await home.hass.async_block_till_done()
    assert len(home.hass.states.async_entity_ids("automation")) == 3
    return home


@pytest.fixture
def told(automated: Home) -> list[Any]:
    """What was told to people."""
    calls: list[Any] = async_mock_service(automated.hass, "persistent_notification", "create")
    return calls


async def lose_and_find_the_broker(home: Home) -> None:
    client = home.hass.data["mqtt"].client
    for connected in (False, True):
        client.connected = connected
        async_dispatcher_send(home.hass, MQTT_CONNECTION_STATE, connected)
        await home.hass.async_block_till_done()


async def test_an_event_acts_once(automated: Home, told: list[Any], freezer: Any) -> None:
    numbering = Numbering("7f3c9a")
    covered = started(numbering, "covered")
    await automated.hear_event(covered)
    assert [call.data["message"] for call in told] == [f"Covered since {covered['ts']}"]
    await automated.hear_event(covered, attempt=2)
    await automated.hear_event(started(numbering, "dark"))
    assert len(told) == 1
    freezer.tick(0.001)  # the state of an event entity is its time, in milliseconds
    await automated.hear_event(started(numbering, "covered"))
    assert len(told) == 2


async def test_a_broker_that_was_lost_brings_no_event_back(
    automated: Home, told: list[Any]
) -> None:
    await automated.hear_event(started(Numbering("7f3c9a"), "covered"))
    seen = automated.watch("event.porch_pi_porch_event")
    await lose_and_find_the_broker(automated)
    assert (seen[0], len(seen)) == ("unavailable", 2)  # this is what the automation must not take
    assert len(told) == 1


async def test_the_lamp_follows_the_label(automated: Home) -> None:
    on = async_mock_service(automated.hass, "light", "turn_on")
    off = async_mock_service(automated.hass, "light", "turn_off")
    await automated.hear("porch/label/dark", ON)
    assert (len(on), len(off)) == (1, 0)
    await automated.hear("porch/label/dark", OFF)
    assert (len(on), len(off)) == (1, 1)
    assert on[0].data["entity_id"] == ["light.porch"]
    await automated.hear("porch/label/dark", ON)
    await lose_and_find_the_broker(automated)  # the lamp may have been switched meanwhile
    assert (len(on), len(off)) == (3, 1)


@pytest.mark.parametrize(("gone", "message"), [(False, "camera_stalled:porch"), (True, "offline")])
async def test_a_problem_is_told(
    automated: Home, told: list[Any], gone: bool, message: str
) -> None:
    report = HealthReport((), (), TS) if gone else HealthReport(("camera_stalled:porch",), (), TS)
    await automated.hear("health", health_payload(report))
    if gone:
        await automated.hear("status", b"offline")
    assert told == []
    async_fire_time_changed(automated.hass, dt.utcnow() + timedelta(seconds=61))
    await automated.hass.async_block_till_done()
    assert [call.data["message"] for call in told] == [message]


def entities_in(card: Any) -> Iterator[str]:
    """Wherever they stand in it."""
    match card:
        case {"entity": entity}:
            yield entity
        case dict() | list():
            for part in card.values() if isinstance(card, dict) else card:
                yield from entities_in(part)


async def test_the_card_shows_what_is_there(home: Home) -> None:
    await home.discover(BOARD)
    card = parse_yaml((RECIPES / "home-assistant-card.yaml").read_text())
    shown = set(entities_in(card))
    assert len(shown) == 10
    assert shown <= home.entities()


async def test_the_automations_name_what_is_there(home: Home) -> None:
    await home.discover(BOARD)
    text = (RECIPES / "home-assistant-automation.yaml").read_text()
    assert set(re.findall(r"\w+\.porch_pi_\w+", text)) <= home.entities()
