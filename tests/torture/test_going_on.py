"""What an earlier process left goes on: states, settings, and what must not."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.brokers import MakeSubscriber, Mosquitto
from tests.subscriber import Message, Subscriber
from tests.torture.board import Board
from tests.torture.consumer import (
    BASE,
    events,
    newcomers_view,
    newest,
    says_online_again,
    until_state,
)


@pytest.mark.torture
@pytest.mark.parametrize("gone", ["removed", "model_changed", "disabled"])
def test_what_the_file_does_not_have_any_more_ends_by_its_reason(
    gone: str, porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#", "homeassistant/#")
    porch.watches = ["porch", "yard"]
    with porch.life():
        for watch in porch.watches:
            until_state(subscriber, "dark", watch)
        start = subscriber.wait_for(lambda found: len(events(found)) == 2)
    if gone == "removed":
        porch.watches = ["yard"]
    else:
        porch.watch |= {"model": "second"} if gone == "model_changed" else {"enabled": False}
    ends = 1 if gone == "removed" else 2
    with porch.life():
        found = subscriber.wait_for(
            lambda found: len([e for e in events(found) if e["phase"] == "end"]) == ends
        )
        says_online_again(subscriber, 2)
        view = newcomers_view(make_subscriber, mosquitto.port)
    started = {each["watch"]: each["id"] for each in events(start)}
    for end in (each for each in events(found) if each["phase"] == "end"):
        assert (end["reason"], end["start_id"]) == (gone, started[end["watch"]])
        assert 0 < end["duration_s"] < 60
        assert end["watch"] == "porch" or gone != "removed"
    if gone == "removed":
        assert not [topic for topic in view if topic.startswith(f"{BASE}/porch/")]
        assert view[f"{BASE}/yard/label/dark"] == "ON"
    if gone == "disabled":
        assert view[f"{BASE}/porch/label/dark"] == "OFF"
        assert view[f"{BASE}/porch/state"]["label"] == "none"


def until_config(subscriber: Subscriber, key: str, value: object) -> None:
    """Wait until `config` says this of the watch."""

    def watch(messages: list[Message]) -> Any:
        return (newest(messages, "config") or {"watches": {}})["watches"].get("porch", {})

    subscriber.wait_for(lambda found: watch(found).get(key) == value)


@pytest.mark.torture
def test_who_commands_as_soon_as_we_are_online_is_heard(
    porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    for life in range(3):
        with porch.life():
            says_online_again(subscriber, life + 1)
            subscriber.publish(f"{BASE}/porch/set/min_score", f"0.{life + 1}")
            until_config(subscriber, "min_score", (life + 1) / 10)


@pytest.mark.torture
def test_what_was_set_survives_a_kill_until_the_file_says_something_new(
    porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")

    with porch.life():
        says_online_again(subscriber, 1)
        for key, payload in (("min_score", "0.7"), ("enabled", "OFF"), ("model", "second")):
            subscriber.publish(f"{BASE}/porch/set/{key}", payload)
        for key, value in (("min_score", 0.7), ("enabled", False), ("model", "second")):
            until_config(subscriber, key, value)
    for file_says, holds in ((None, 0.7), (None, 0.7), (0.5, 0.5), (None, 0.6)):
        if file_says is not None:
            porch.decision["min_score"] = file_says
        else:
            porch.decision.pop("min_score", None)
        del subscriber.messages[:]
        with porch.life():
            until_config(subscriber, "min_score", holds)
            until_config(subscriber, "enabled", False)
            until_config(subscriber, "model", "second")


RESTART = f"{BASE}/request/restart"


@pytest.mark.torture
def test_a_restart_that_was_asked_for_while_we_were_away_is_not_done(
    porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    patches = {"edgecls.delivery.desk.RESTART_PAUSE_S": 0}
    with porch.life(patches=patches):
        until_state(subscriber, "dark")
    subscriber.publish(RESTART, '{"transaction":"away"}')
    subscriber.publish(RESTART, '{"transaction":"retained"}', retain=True)
    with porch.life(patches=patches) as again:
        says_online_again(subscriber, 2)
        subscriber.publish(f"{BASE}/request/ping", '{"transaction":"now"}')
        found = subscriber.wait_for(lambda found: bool(responses(found)))
        assert [each["transaction"] for each in responses(found)] == ["now"]
        assert again.alive


@pytest.mark.torture
def test_a_restart_over_mqtt_is_done_once_and_never_offline(
    porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    patches = {"edgecls.delivery.desk.RESTART_PAUSE_S": 0}
    with porch.life(patches=patches) as one:
        until_state(subscriber, "dark")
        subscriber.publish(RESTART, '{"transaction":"a1"}')
        assert one.end() == 75, one.log
    began = time.monotonic()
    with porch.life(patches=patches) as again:
        assert set(says_online_again(subscriber, 2)) == {"online"}
        assert time.monotonic() - began < 10
        subscriber.publish(f"{BASE}/request/ping", '{"transaction":"now"}')
        found = subscriber.wait_for(lambda found: len(responses(found)) >= 2)
        assert [each["transaction"] for each in responses(found)] == ["a1", "now"]
        assert again.alive
    assert [each["phase"] for each in events(found)] == ["start"]


def responses(messages: list[Message]) -> list[dict[str, Any]]:
    return [m.json for m in messages if "/response/" in m.topic]
