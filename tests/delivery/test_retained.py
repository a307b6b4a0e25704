"""Retained topics come and go: nothing stays behind on the broker, nothing is missing."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from edgecls.settings import MqttSettings
from tests.brokers import MakeSubscriber, Mosquitto
from tests.delivery.scenes import BoardFacts, delivery, dog_comes, running
from tests.subscriber import Message

DISCOVERY = "homeassistant/device/edgecls_board/config"
PORCH = {"porch": [("dog", "dog"), ("cat", "cat")]}
GATE = {"gate": [("car", "car")]}


def retained(mosquitto: Mosquitto, make_subscriber: MakeSubscriber) -> set[str]:
    """What a newcomer finds."""
    newcomer = make_subscriber(mosquitto.port, "#")
    newcomer.publish("asked", "all")
    found = newcomer.wait_for_payload("asked", "all")
    return {each.topic.removeprefix("edgecls/board/") for each in found if each.retain}


def was_born(times: int, found: list[Message]) -> bool:
    return [m.text for m in found if m.topic.endswith("/status")].count("online") == times


def more_than(count: int, found: list[Message]) -> bool:
    return len(found) > count


def test_the_next_process_clears_what_the_last_one_said_of_a_watch_that_is_gone(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber, tmp_path: Path
) -> None:
    settings, file = MqttSettings(url=mosquitto.url), tmp_path / "outbox.sqlite"
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    with running(delivery(settings, watched=PORCH | GATE, file=file)) as one:
        one.publish(dog_comes())
        one.publish(dog_comes("gate"))
        subscriber.wait_for(lambda found: sum("/event" in m.topic for m in found) == 2)
    assert {"porch/state", "gate/state", "gate/label/car"} <= retained(mosquitto, make_subscriber)
    with running(delivery(settings, watched=PORCH, file=file)):
        subscriber.wait_for(lambda found: [m.text for m in found].count("online") == 2)
    left = retained(mosquitto, make_subscriber)
    assert {topic for topic in left if topic.startswith("gate/")} == set()
    assert {"porch/state", "porch/label/dog", "porch/label/cat", DISCOVERY} <= left


def test_a_watch_can_go_and_come_while_it_runs(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    settings = MqttSettings(url=mosquitto.url)
    about = BoardFacts(settings, PORCH | GATE, {"watches": {}})
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    with running(delivery(settings, about=about)) as one:
        one.publish(dog_comes())
        subscriber.wait_for_payload("label/dog", "ON")
        del about.watched["porch"]
        one.announce()
        subscriber.wait_for_payload("porch/state", "")
        assert "porch/label/dog" not in retained(mosquitto, make_subscriber)
        one.publish(dog_comes())  # was under way: it is not said any more
        about.watched.update(PORCH)
        one.announce()
        one.publish(dog_comes())
        subscriber.wait_for(lambda found: [m.text for m in found].count("ON") == 2)


def test_what_is_not_announced_yet_is_not_told(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecls.delivery.delivery.BIRTH_S", 0.1)
    subscriber = make_subscriber(mosquitto.port, "#")
    config = {"watches": {"porch": {"min_score": 0.6}}}
    with running(delivery(MqttSettings(url=mosquitto.url), config=config)) as one:
        subscriber.wait_for_payload("board/status", "online")
        config["watches"]["porch"]["min_score"] = 0.7  # and on its way to the disk
        subscriber.publish("homeassistant/status", "online")
        subscriber.wait_for(lambda found: [m.topic for m in found].count(DISCOVERY) == 2)
        one.announce()
        found = subscriber.wait_for(lambda found: "0.7" in found[-1].text)
    scores = [m.json["watches"]["porch"]["min_score"] for m in found if m.topic == found[-1].topic]
    assert scores[-2:] == [0.6, 0.7]
    assert found[-1].topic == "edgecls/board/config"


def test_without_discovery_the_device_is_taken_back(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber, tmp_path: Path
) -> None:
    subscriber = make_subscriber(mosquitto.port, "#")
    for births, discovery in enumerate((True, False), start=1):
        settings = MqttSettings(url=mosquitto.url, discovery=discovery)
        with running(delivery(settings, file=tmp_path / "outbox.sqlite")):
            subscriber.wait_for(partial(was_born, births))
    assert [m.text[:1] for m in subscriber.messages if m.topic == DISCOVERY] == ["{", ""]


def test_a_component_that_is_gone_is_named_until_home_assistant_must_know(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber, tmp_path: Path
) -> None:
    settings, file = MqttSettings(url=mosquitto.url), tmp_path / "outbox.sqlite"
    subscriber = make_subscriber(mosquitto.port, "homeassistant/#")
    for watched in (PORCH | GATE, PORCH, PORCH):
        with running(delivery(settings, watched=watched, file=file)):
            subscriber.wait_for(partial(more_than, len(subscriber.messages)))
    first, second, third = (m.json for m in subscriber.messages if m.topic == DISCOVERY)
    gone = {key for key, component in second["cmps"].items() if set(component) == {"p"}}
    assert gone == {key for key in first["cmps"] if ".gate." in key}
    assert third == second


def test_home_assistants_birth_is_answered(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecls.delivery.delivery.BIRTH_S", 0.1)
    subscriber = make_subscriber(mosquitto.port, "homeassistant/#", "edgecls/board/status")
    with running(delivery(MqttSettings(url=mosquitto.url))) as one:
        # Once this comes back, our subscription to the birth was taken before it.
        subscriber.wait_for_payload("board/status", "online")
        one.announce()
        subscriber.publish("edgecls/board/status", "offline", retain=True)
        subscriber.wait_for(lambda found: [m.text for m in found].count("online") == 2)
        subscriber.publish("homeassistant/status", "online")
        found = subscriber.wait_for(lambda found: [m.topic for m in found].count(DISCOVERY) == 2)
    told = [m for m in found if m.topic == DISCOVERY]
    assert told[0].payload == told[1].payload
