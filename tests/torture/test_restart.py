"""The daemon is killed, ended or cut off, and comes back: what a subscriber sees of it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.brokers import MakeSubscriber, Mosquitto
from tests.torture.board import BRIGHT, Board
from tests.torture.consumer import (
    BASE,
    events,
    newcomers_view,
    says_online_again,
    statuses,
    until_state,
)
from tests.torture.tap import Tap


def test_a_killed_daemon_goes_on_with_its_state_and_nobody_saw_it_offline(
    porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    with porch.life():
        before = until_state(subscriber, "dark")
        subscriber.wait_for(lambda found: len(events(found)) == 1)
    with porch.life() as again:
        assert says_online_again(subscriber, 2) == ["online"] * 2
        again.says("connected to broker")
        after = until_state(subscriber, "dark")
        porch.shows(BRIGHT)
        found = subscriber.wait_for(lambda found: len(events(found)) >= 3)
    start, end, rival = events(found)
    assert (start["phase"], start["label"]) == ("start", "dark")
    assert (end["phase"], end["label"], end["start_id"]) == ("end", "dark", start["id"])
    assert (end["reason"], end["epoch"], end["seq"]) == ("replaced", start["epoch"], 2)
    assert (rival["phase"], rival["label"], rival["seq"]) == ("start", "overexposed", 3)
    assert after["since"] == before["since"] == start["ts"]
    states = [m.json["label"] for m in found if m.topic == f"{BASE}/porch/state"]
    assert "none" not in states[states.index("dark") :]
    labels = [m.text for m in found if m.topic == f"{BASE}/porch/label/dark"]
    assert labels[labels.index("ON") : -1] == ["ON"] * (len(labels) - labels.index("ON") - 1)


@pytest.mark.torture
def test_a_daemon_that_ends_with_75_and_is_started_again_is_never_offline(
    porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    with porch.life():
        until_state(subscriber, "dark")
    camera = porch.source
    porch.source = "http://127.0.0.1:9/gone"
    for _ in range(2):
        with porch.life() as blind:
            assert blind.end() == 75, blind.log
    porch.source = camera
    times = statuses(subscriber.messages).count("online") + 1
    with porch.life():
        assert set(says_online_again(subscriber, times)) == {"online"}
        porch.shows(BRIGHT)
        found = subscriber.wait_for(lambda found: len(events(found)) >= 3)
    assert [each["phase"] for each in events(found)] == ["start", "end", "start"]


@pytest.mark.torture
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_power_cut_that_the_broker_has_not_noticed_ends_online(
    protocol: str, porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    """The broker still has the old connection, and its will, when the board is back."""
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    with closing(Tap(mosquitto.port, keeps_broker=True)) as tap:
        porch.mqtt |= {"url": tap.url, "protocol": protocol}
        with porch.life():
            until_state(subscriber, "dark")
        with porch.life() as again:
            said = says_online_again(subscriber, 2)
            assert said[-1] == "online"
            assert ("offline" in said) == (protocol == "3.1.1")  # it knows no will delay
            assert again.stop() == 0
    assert newest_status(make_subscriber, mosquitto) == "offline"


@pytest.mark.torture
def test_a_cut_while_connecting_makes_no_old_broker_of_a_new_one(
    porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    """MQTT 3.1.1 would cost the will delay, message expiry and the reasons of refusals."""
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    with closing(Tap(mosquitto.port)) as tap:
        porch.mqtt |= {"url": tap.url}
        with porch.life():
            until_state(subscriber, "dark")
            tap.broken_off = 1
            tap.cut()
            says_online_again(subscriber, 2)
            assert set(tap.levels) == {5}


def newest_status(make_subscriber: MakeSubscriber, broker: Mosquitto) -> str:
    found = make_subscriber(broker.port, f"{BASE}/status").wait_for(bool)
    return found[-1].text


@pytest.mark.torture
def test_a_broker_that_forgot_everything_is_told_everything(
    porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber, tmp_path: Path
) -> None:
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    porch.watches = ["porch", "yard"]
    with porch.life() as one:
        for watch in porch.watches:
            until_state(subscriber, "dark", watch)
        before = newcomers_view(make_subscriber, mosquitto.port)
        mosquitto.kill()
        (tmp_path / "mosquitto0" / "mosquitto.db").unlink(missing_ok=True)
        mosquitto.start()
        one.says("broker back after")
        assert newcomers_view(make_subscriber, mosquitto.port) == before
    assert len(before) == 4 + 2 * 3 + 1, before.keys()
    assert before[f"{BASE}/porch/label/dark"] == "ON"


@pytest.mark.torture
def test_a_daemon_that_comes_back_leaves_every_retained_topic_as_it_was(
    porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    with porch.life():
        until_state(subscriber, "dark")
        before = newcomers_view(make_subscriber, mosquitto.port)
    with porch.life() as again:
        says_online_again(subscriber, 2)
        assert newcomers_view(make_subscriber, mosquitto.port) == before
        assert again.alive
