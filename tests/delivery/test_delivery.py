"""Against a real Mosquitto: what is on the wire, and in which order."""

from __future__ import annotations

import dataclasses

import pytest

from edgecls.domain import Phase
from edgecls.health import Health
from edgecls.settings import MqttSettings
from tests.brokers import MakeMosquitto, MakeSubscriber, Mosquitto, wait_until
from tests.delivery.scenes import (
    WATCHED,
    BoardFacts,
    delivery,
    dog_comes,
    dog_goes,
    dog_stays,
    event,
    nothing_yet,
    running,
)
from tests.subscriber import Message

BASE = "edgecls/board/"


def topics(messages: list[Message]) -> list[str]:
    return [m.topic.removeprefix(BASE) for m in messages]


def events(messages: list[Message]) -> list[Message]:
    return [m for m in messages if m.topic.endswith("/event")]


def test_online_is_the_last_of_the_retained_topics_at_birth(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, BASE + "#")
    one = delivery(MqttSettings(url=mosquitto.url))
    one.publish(nothing_yet())
    with running(one):
        born = subscriber.wait_for_payload("status", "online")
    assert topics(born) == [
        "info",
        "config",
        "health",
        "porch/label/dog",
        "porch/label/cat",
        "porch/state",
        "status",
    ]
    assert all(m.retain and m.qos == 1 for m in born)
    info = born[0].json
    assert (info["schema"], info["version"], len(info["epoch"])) == (1, "1.2.3", 6)


def test_a_change_publishes_labels_then_state_then_its_event(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, BASE + "#")
    with running(delivery(MqttSettings(url=mosquitto.url))) as one:
        one.publish(nothing_yet())
        subscriber.wait_for(lambda found: "porch/state" in topics(found))
        before = len(subscriber.messages)
        one.publish(dog_comes())
        found = subscriber.wait_for(lambda found: bool(events(found)))[before:]
    change = [m for m in found if m.topic.startswith(BASE + "porch/")]
    assert topics(change) == ["porch/label/dog", "porch/state", "porch/event"]
    assert change[0].text == "ON"
    assert (change[1].json["label"], change[1].json["score"]) == ("dog", 0.9133)


def test_an_event_is_not_retained_has_qos_1_and_expires(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, BASE + "+/event")
    settings = MqttSettings(url=mosquitto.url)
    about = BoardFacts(settings, WATCHED, {"watches": {}})
    with running(delivery(settings, about=about)) as one:
        one.publish(dog_comes())
        one.publish(dog_goes())
        start, end = subscriber.wait_for(lambda found: len(found) == 2)
        wait_until(lambda: len(about.acks) == 2, "both acknowledged")
    assert (start.retain, start.qos, start.expiry_s) == (False, 1, 3600)
    assert (start.json["phase"], start.json["seq"], start.json["attempt"]) == ("start", 1, 1)
    assert 0 <= start.json["age_s"] < 5
    assert (end.json["start_id"], end.json["seq"]) == (start.json["id"], 2)
    assert all(0 < ack_ms < 5000 for ack_ms in about.acks)


def test_frames_without_a_change_publish_nothing_until_the_refresh(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecls.delivery.delivery.REFRESH_S", 0.5)
    subscriber = make_subscriber(mosquitto.port, BASE + "porch/state")
    with running(delivery(MqttSettings(url=mosquitto.url))) as one:
        one.publish(dog_comes())
        subscriber.wait_for(lambda found: len(found) == 1)
        for score in (0.9, 0.8, 0.7):
            one.publish(dog_stays(score))
        found = subscriber.wait_for(lambda found: found[-1].json["score"] == 0.7)
    assert [m.json["score"] for m in found] == [0.9133, 0.7]


def test_stats_are_published_at_qos_0_and_not_retained(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, BASE + "stats")
    with running(delivery(MqttSettings(url=mosquitto.url), interval_s=0.2)):
        stats = subscriber.wait_for(lambda found: len(found) > 0)[0]
    assert (stats.qos, stats.retain) == (0, False)
    outbox = stats.json["outbox"]
    assert outbox.pop("bytes") > 0
    assert outbox == {"pending": 0, "oldest_s": 0, "dropped": 0}
    assert stats.json["mqtt"] == {"connects": 1, "publish_failures": 0}
    assert (stats.json["schema"], stats.json["fps"]) == (1, 14.9)


def test_health_and_changed_descriptions_are_published_when_they_change(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, BASE + "#")
    health, config = Health(), {"watches": {"porch": {"min_score": 0.6}}}
    with running(delivery(MqttSettings(url=mosquitto.url), health=health, config=config)) as one:
        born = len(subscriber.wait_for_payload("status", "online"))
        health.fault("camera_stalled:porch", True)
        config["watches"]["porch"]["min_score"] = 0.7
        one.announce()
        found = subscriber.wait_for(lambda found: "config" in topics(found[born:]))[born:]
    assert topics(found) == ["health", "config"]
    assert found[0].json["reasons"] == ["camera_stalled:porch"]
    assert found[1].json == {"schema": 1, "watches": {"porch": {"min_score": 0.7}}}


def test_a_clean_end_says_offline_itself(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, BASE + "status")
    with running(delivery(MqttSettings(url=mosquitto.url))) as one:
        subscriber.wait_for_payload("status", "online")
        assert one.close(5.0) == 0
        found = subscriber.wait_for_payload("status", "offline")
    assert [(m.text, m.retain, m.qos) for m in found] == [("online", True, 1), ("offline", True, 1)]


def test_events_reach_the_broker_before_offline(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, BASE + "#")
    with running(delivery(MqttSettings(url=mosquitto.url))) as one:
        for _ in range(100):
            one.publish(dog_comes())
            one.publish(dog_goes())
        assert one.close(10.0) == 0
        found = subscriber.wait_for_payload("status", "offline")
    assert [m.json["seq"] for m in events(found)] == list(range(1, 201))
    assert found[-1].text == "offline"


def test_somebody_elses_offline_is_put_right(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, BASE + "status")
    with running(delivery(MqttSettings(url=mosquitto.url))):
        subscriber.wait_for_payload("status", "online")
        subscriber.publish(BASE + "status", "offline", retain=True)
        found = subscriber.wait_for(
            lambda found: [m.text for m in found[-2:]] == ["offline", "online"]
        )
    assert found[-1].retain


def test_without_a_broker_the_close_says_how_many_events_wait(
    make_mosquitto: MakeMosquitto,
) -> None:
    with running(delivery(MqttSettings(url=make_mosquitto().url))) as one:
        one.publish(dog_comes())
        one.publish(dog_goes())
        assert one.close(0.3) == 2


def test_what_was_lost_to_an_overflow_is_announced_in_its_place(
    make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    broker = make_mosquitto()
    with running(delivery(MqttSettings(url=broker.url), max_events=100)) as one:
        for _ in range(75):
            one.publish(dog_comes())
            one.publish(dog_goes())
        subscriber = make_subscriber(broker.start().port, BASE + "+/event", persistent_as="log")
        found = subscriber.wait_for(lambda found: bool(found) and found[-1].json["seq"] == 150)
    gap, rest = found[0].json, found[1:]
    assert (gap["phase"], gap["from_seq"]) == ("gap", 1)
    assert [m.json["seq"] for m in rest] == list(range(gap["to_seq"] + 1, 151))


def test_an_event_that_the_broker_forbids_is_kept_and_shown_in_health(
    make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    acl = f"topic readwrite {BASE}status\ntopic readwrite {BASE}health\n"
    broker = make_mosquitto(acl=acl).start()
    subscriber = make_subscriber(broker.port, BASE + "health")
    health = Health()
    with running(delivery(MqttSettings(url=broker.url), health=health)) as one:
        one.publish(dog_comes())
        subscriber.wait_for(
            lambda found: any(m.json["reasons"] == ["mqtt_not_authorized"] for m in found)
        )
        assert one.close(0.5) == 1


def test_several_watches_share_one_order(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, BASE + "+/event")
    with running(delivery(MqttSettings(url=mosquitto.url))) as one:
        for watch in ("porch", "yard", "porch", "yard"):
            one.publish(dog_comes(watch))
        found = subscriber.wait_for(lambda found: len(found) == 4)
    assert [(m.json["watch"], m.json["seq"]) for m in found] == [
        ("porch", 1), ("yard", 2), ("porch", 3), ("yard", 4),
    ]  # fmt: skip


def test_two_events_of_one_frame_keep_their_order(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, BASE + "+/event")
    replaced = dataclasses.replace(
        dog_comes(), events=(event(Phase.END, label="cat", slug="cat"), event(Phase.START))
    )
    with running(delivery(MqttSettings(url=mosquitto.url))) as one:
        one.publish(replaced)
        found = subscriber.wait_for(lambda found: len(found) == 2)
    assert [(m.json["phase"], m.json["label"]) for m in found] == [("end", "cat"), ("start", "dog")]


def test_a_message_that_is_too_large_for_the_broker_is_told_and_stops_nothing(
    make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber, caplog: pytest.LogCaptureFixture
) -> None:
    port = make_mosquitto(lines="max_packet_size 1500").start().port
    subscriber = make_subscriber(port, BASE + "#")
    health = Health()
    settings = MqttSettings(url=f"mqtt://127.0.0.1:{port}")
    with running(delivery(settings, health=health)) as one:
        one.publish(dog_comes())
        subscriber.wait_for(lambda found: bool(events(found)))
        wait_until(lambda: "mqtt_refused" in health.report().reasons, "told")
        assert one.close(5.0) == 0
    assert "refuses messages on homeassistant/device/edgecls_board/config" in caplog.text
    assert "are more than it takes (1500)" in caplog.text
    assert "lost" not in caplog.text


def test_more_topics_than_can_wait_are_said_once_each_and_online_last(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecls.delivery.connection.MAX_QUEUED", 30)
    labels = [(f"label {number}", f"label_{number}") for number in range(200)]
    subscriber = make_subscriber(mosquitto.port, BASE + "#")
    one = delivery(MqttSettings(url=mosquitto.url), watched={"porch": labels})
    one.publish(nothing_yet())
    with running(one):
        found = topics(subscriber.wait_for_payload("status", "online"))
    assert found[-1] == "status"
    assert (
        len(found) == len(set(found)) == 200 + len(["info", "config", "health", "state", "status"])
    )
