"""The schemas describe what a real subscriber receives from a real daemon: all of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.brokers import MakeMosquitto, MakeSubscriber, Mosquitto
from tests.media import grey, jpeg
from tests.programs import Running, edgecls, json_lines
from tests.schemas import assert_described, problems, shipped
from tests.subscriber import Message

DARK, BRIGHT = 0, 255  # grey levels that camera_health_v1 is sure of
START: dict[str, Any] = {
    "schema": 1,
    "id": "7f3c9a-1042",
    "epoch": "7f3c9a",
    "seq": 1042,
    "phase": "start",
    "watch": "porch",
    "label": "dog",
    "slug": "dog",
    "score": 0.913,
    "top": [{"index": None, "label": "dog", "slug": "dog", "score": 0.913}],
    "ts": "2026-11-21T04:13:05.157Z",
    "ts_sync": True,
    "age_s": 0.08,
    "attempt": 1,
    "model": "mobilenet",
}


def pictures(folder: Path, *levels: int) -> str:
    """A source of pictures of these grey levels."""
    (folder / "pictures").mkdir()
    for number, level in enumerate(levels):
        (folder / "pictures" / f"{number:04}.jpg").write_bytes(jpeg(grey(level)))
    return f"dir:{folder}/pictures"


def blinking(folder: Path, times: int) -> str:
    """A source in which the light goes on and off."""
    return pictures(folder, *(BRIGHT, DARK) * times)


def write(folder: Path, broker: str, *, camera: str, more: str = "", watch: str = "") -> Path:
    file = folder / "edgecls.toml"
    file.write_text(
        f"""
        [device]
        id = "board"
        [cameras.porch]
        {camera}
        [watches.porch]
        camera = "porch"
        model = "camera_health_v1"
        labels = ["dark"]
        {watch}
        [watches.porch.decision]
        confirm = "1 of 1"
        none_after_s = 0
        [stats]
        interval_s = 1
        [mqtt]
        url = "{broker}"
        {more}
        """
    )
    return file


def kinds(messages: list[Message]) -> set[str]:
    return {assert_described(message) for message in messages}


def last_of(messages: list[Message], topic: str) -> list[Any]:
    return [m.json for m in messages if m.topic == f"edgecls/board/{topic}"]


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_schema_is_one(name: str) -> None:
    schema = shipped()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"{name}.json"
    assert schema["title"].removeprefix("<watch>/").removesuffix("/<op>").replace("/", "-") == name


def test_a_consumer_takes_keys_that_a_later_version_adds_and_these_tests_do_not() -> None:
    later = START | {"weather": "rain"}
    assert problems("event", later, strict=False) == []
    assert problems("event", later) != []
    assert problems("event", START) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"phase": "begin"},
        {"seq": 0},
        {"age_s": -1},
        {"ts": "2026-11-21 04:13:05"},
        {"schema": 2},
        {"phase": "end"},  # the keys of an end are missing
        {"phase": "gap"},
        {"from_seq": 3},  # of a gap only
    ],
)
def test_what_is_no_event_is_refused(wrong: dict[str, Any]) -> None:
    assert problems("event", START | wrong) != []


def test_the_light_goes_on_and_off(
    tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    """start, end, a state and none, a camera that is missing, stats with and without frames."""
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    source = blinking(tmp_path, 2) + "?loop=true&fps=4&realtime=true"
    camera = f"""
        source = {json.dumps(source)}
        [cameras.yard]
        source = "v4l2:/dev/video99"
        stall_timeout_s = 1
        [watches.yard]
        camera = "yard"
        model = "camera_health_v1"
        """
    file = write(tmp_path, mosquitto.url, camera=camera)
    with Running("run", "-c", file, home=tmp_path) as daemon:
        subscriber.wait_for(
            lambda found: (
                {"start", "end"} <= {event["phase"] for event in last_of(found, "porch/event")}
                and any(health["reasons"] for health in last_of(found, "health"))
                and len(last_of(found, "stats")) >= 2
            )
        )
        assert daemon.stop()[0] == 0
    seen = subscriber.wait_for_payload("status", "offline")
    assert kinds(seen) == {"status", "info", "config", "health", "state", "label", "event", "stats"}
    assert {state["label"] for state in last_of(seen, "porch/state")} == {"none", "dark"}
    assert last_of(seen, "health")[-1]["reasons"] == ["camera_stalled:yard"]
    figures = last_of(seen, "stats")[-1]
    assert figures["watches"]["porch"]["latency_ms"].keys() >= {"age", "inference"}
    assert figures["watches"]["yard"]["latency_ms"] == {}
    assert isinstance(last_of(seen, "info")[0]["watches"]["yard"]["labels"], int)


def test_a_watch_that_is_disabled_while_it_is_dark(
    tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    """Nobody looks: an end without a frame, no verdict, no figures."""
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    source = pictures(tmp_path, DARK) + "?loop=true&fps=4&realtime=true"
    file = write(tmp_path, mosquitto.url, camera=f"source = {json.dumps(source)}")
    with Running("run", "-c", file, home=tmp_path):
        subscriber.wait_for(lambda found: bool(last_of(found, "porch/event")))
        subscriber.publish("edgecls/board/porch/set/enabled", "OFF")
        seen = subscriber.wait_for(
            lambda found: (
                len(last_of(found, "porch/event")) == 2
                and last_of(found, "stats")[-1:] != []
                and last_of(found, "stats")[-1]["latency_ms"] == {}
            )
        )
    kinds([message for message in seen if "/set/" not in message.topic])
    end = last_of(seen, "porch/event")[-1]
    assert (end["reason"], end["top"]) == ("disabled", [])
    assert last_of(seen, "porch/state")[-1]["verdict"] is None


REQUESTS: list[tuple[str, dict[str, Any], str]] = [
    ("ping", {"transaction": "a1"}, "ok"),
    ("ping", {}, "ok"),
    ("replay", {"transaction": 2, "limit": 1}, "ok"),
    ("replay", {"after_seq": 1, "epoch": "0a0a0a"}, "ok"),
    ("replay", {"limit": 0}, "error"),
    ("restart", {"transaction": "a2"}, "error"),  # too soon
    ("snapshot", {"watch": "porch"}, "ok"),
    ("snapshot", {"watch": "nowhere"}, "error"),
    ("collect", {"watch": "porch", "label": "gate open", "count": 2, "every_s": 0.5}, "ok"),
    ("fly", {}, "error"),
]


def answers_in(messages: list[Message]) -> list[Message]:
    return [message for message in messages if "/response/" in message.topic]


@pytest.mark.parametrize(("op", "asked"), [(op, asked) for op, asked, to in REQUESTS if to == "ok"])
def test_a_request_that_is_granted_is_as_described(op: str, asked: dict[str, Any]) -> None:
    assert problems(f"request-{op}", asked) == []


def test_pictures_are_asked_for_by_a_label_that_can_be_a_folder() -> None:
    assert problems("request-collect", {"label": "gate open"}) == []  # of the only watch
    for label in (".git", "-rf", "a/b", ""):
        assert problems("request-collect", {"watch": "porch", "label": label}) != []


def test_requests_and_their_answers(
    tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    source = blinking(tmp_path, 2) + "?loop=true&fps=4&realtime=true"
    commands = 'commands = ["ping", "replay", "restart", "snapshot", "collect"]'
    camera = f"source = {json.dumps(source)}"
    file = write(tmp_path, mosquitto.url, camera=camera, watch="snapshot = true", more=commands)
    with Running("run", "-c", file, home=tmp_path):
        subscriber.wait_for(lambda found: bool(last_of(found, "porch/event")))
        for op, asked, _ in REQUESTS:
            subscriber.publish(f"edgecls/board/request/{op}", json.dumps(asked))
        seen = subscriber.wait_for(lambda found: len(answers_in(found)) == len(REQUESTS))
    answers = answers_in(seen)
    kinds(answers)
    assert [(m.topic.rsplit("/", 1)[1], m.json["status"]) for m in answers] == [
        (op, status) for op, _, status in REQUESTS
    ]
    assert [m.json["transaction"] for m in answers] == [
        asked.get("transaction") for _, asked, _ in REQUESTS
    ]
    (replayed,) = answers[2].json["data"]["events"]
    assert replayed["seq"] == 1
    assert answers[3].json["data"]["events"] == []


def test_events_without_a_broker(tmp_path: Path) -> None:
    camera = f"source = {json.dumps(blinking(tmp_path, 3))}"
    file = write(tmp_path, "mqtt://127.0.0.1:9", camera=camera)
    file.write_text(file.read_text().partition("[mqtt]")[0])
    done = edgecls("run", "-c", file, home=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = json_lines(done.stdout)
    assert [line["phase"] for line in lines] == ["start", "end"] * 3
    assert [problem for line in lines for problem in problems("event", line)] == []


def test_an_outbox_that_overflows_tells_of_a_gap(
    tmp_path: Path, make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    broker = make_mosquitto()
    camera = f"source = {json.dumps(blinking(tmp_path, 80))}"
    file = write(tmp_path, broker.url, camera=camera, more="[outbox]\nmax_events = 100")
    with Running("run", "-c", file, "--drain-timeout", 60, home=tmp_path) as daemon:
        assert daemon.process.stderr is not None
        while "outbox full" not in (line := daemon.process.stderr.readline()):
            assert line, "the daemon ended and never said that the outbox was full"
        broker.start()
        subscriber = make_subscriber(broker.port, "edgecls/#")
        assert daemon.end()[0] == 0
    seen = subscriber.wait_for_payload("status", "offline")
    kinds(seen)
    events = last_of(seen, "porch/event")
    assert events[0]["phase"] == "gap"
    assert (events[0]["from_seq"], events[0]["to_seq"]) == (1, events[0]["seq"])
    numbers = [event["seq"] for event in events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(events) >= 100
