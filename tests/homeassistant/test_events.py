"""The event entity is what automations act on: each of its changes must be a start of now."""

from __future__ import annotations

import time
from typing import Any

import pytest
from homeassistant.core import State
from pytest_homeassistant_custom_component.common import mock_restore_cache_with_extra_data

from edgecls.delivery.discovery import discovery_payload
from edgecls.delivery.numbering import Numbering
from edgecls.delivery.payloads import copy_of, event_payload, gap_payload
from edgecls.domain import Phase
from tests.delivery.scenes import event
from tests.homeassistant.home import CARD, TOPIC, Home, started

EVENT = "event.porch_pi_porch_event"


async def test_a_start_is_an_event_with_its_facts(home: Home) -> None:
    await home.discover()
    seen = home.watch(EVENT)
    start = started(Numbering("7f3c9a"))
    await home.hear_event(start)
    assert len(seen) == 1
    assert home.told(EVENT, "event_type") == "dog"
    facts = {key: home.told(EVENT, key) for key in ("id", "epoch", "seq", "score", "ts")}
    assert facts == {key: start[key] for key in facts}


async def test_the_next_start_is_an_event_too(home: Home) -> None:
    await home.discover()
    seen, numbering = home.watch(EVENT), Numbering("7f3c9a")
    await home.hear_event(started(numbering, "dog"))
    await home.hear_event(started(numbering, "cat"))
    assert len(seen) == 2
    assert home.told(EVENT, "event_type") == "cat"


async def test_a_copy_is_no_event(home: Home) -> None:
    await home.discover()
    seen, start = home.watch(EVENT), started(Numbering("7f3c9a"))
    await home.hear_event(start)
    await home.hear_event(start, age_s=14.0, attempt=2)
    assert len(seen) == 1


async def test_an_older_event_is_none(home: Home) -> None:
    await home.discover()
    seen, numbering = home.watch(EVENT), Numbering("7f3c9a")
    first, second = started(numbering, "dog"), started(numbering, "cat")
    await home.hear_event(second)
    await home.hear_event(first)
    assert (len(seen), home.told(EVENT, "event_type")) == (1, "cat")


async def test_a_new_epoch_begins_anew(home: Home) -> None:
    await home.discover()
    seen = home.watch(EVENT)
    await home.hear_event(started(Numbering("7f3c9a", 1041)))
    await home.hear_event(started(Numbering("a00000")))
    assert (len(seen), home.told(EVENT, "seq")) == (2, 1)


@pytest.mark.parametrize(("age_s", "events"), [(29.9, 1), (30.0, 0), (7210.4, 0)])
async def test_a_late_event_is_none(home: Home, age_s: float, events: int) -> None:
    await home.discover()
    seen = home.watch(EVENT)
    await home.hear_event(started(Numbering("7f3c9a")), age_s=age_s)
    assert len(seen) == events


@pytest.mark.parametrize(("ts_sync", "events"), [(True, 0), (False, 1)])
async def test_the_time_counts_only_where_the_clock_is_synchronized(
    home: Home, ts_sync: bool, events: int
) -> None:
    await home.discover()
    seen = home.watch(EVENT)
    start = started(Numbering("7f3c9a"), ts=time.time() - 31) | {"ts_sync": ts_sync}
    await home.hear_event(start)
    assert len(seen) == events


async def test_an_end_and_a_gap_are_no_events(home: Home) -> None:
    await home.discover()
    seen, numbering = home.watch(EVENT), Numbering("7f3c9a")
    start = started(numbering)
    await home.hear_event(gap_payload(1, start))
    end = event_payload(numbering.number(event(Phase.END, ts=time.time()), ts_sync=True))
    await home.hear_event(end)
    assert seen == []


async def test_a_retained_event_is_none(home: Home) -> None:
    await home.discover()
    seen = home.watch(EVENT)
    copy = copy_of(started(Numbering("7f3c9a")), age_s=0.1, attempt=1)
    await home.hear("porch/event", copy, retain=True)
    assert seen == []


async def test_the_board_comes_back_without_its_last_event(home: Home) -> None:
    await home.discover()
    await home.hear_event(started(Numbering("7f3c9a")))
    seen = home.watch(EVENT)
    await home.hear("status", b"offline")
    await home.discover()
    assert seen == []


async def test_without_its_own_availability_the_last_event_would_come_again(home: Home) -> None:
    payload = discovery_payload(CARD, {})
    assert payload["cmps"]["event.porch.event"].pop("avty") == []
    await home.hear(TOPIC, payload)
    await home.hear("status", b"online")
    await home.hear_event(started(Numbering("7f3c9a")))
    seen, last = home.watch(EVENT), home.says(EVENT)
    await home.hear("status", b"offline")
    await home.hear("status", b"online")
    assert seen == ["unavailable", last]


async def test_an_announcement_that_is_repeated_changes_nothing(home: Home) -> None:
    await home.discover()
    start = started(Numbering("7f3c9a"))
    await home.hear_event(start)
    seen = home.watch(EVENT)
    await home.discover()  # the answer to Home Assistant's birth message
    await home.hear_event(start, attempt=2)
    assert seen == []


async def test_a_restarted_home_assistant_remembers_what_it_has_seen(home: Home) -> None:
    start = started(Numbering("7f3c9a"))
    attributes = {key: start[key] for key in ("id", "epoch", "seq", "score", "ts")}
    last = State(EVENT, start["ts"], {"event_type": "dog", **attributes})
    stored: Any = {"last_event_type": "dog", "last_event_attributes": attributes}
    mock_restore_cache_with_extra_data(home.hass, ((last, stored),))
    await home.discover()
    assert home.told(EVENT, "seq") == start["seq"]
    seen = home.watch(EVENT)
    await home.hear_event(start, attempt=2)
    assert seen == []
    await home.hear_event(started(Numbering("7f3c9a", start["seq"])))
    assert len(seen) == 1
