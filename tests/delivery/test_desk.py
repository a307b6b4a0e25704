"""Commands at the desk: what is done, what is answered, and where."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.delivery.commands import Collect, Setting
from edgecls.delivery.happenings import Acknowledged, Arrived
from edgecls.delivery.wire import Wire
from edgecls.health import Health
from tests.delivery.front import BASE, FakeLine, Front


@pytest.fixture
def front() -> Front:
    return Front()


def refusal(why: str, transaction: object = None) -> dict[str, object]:
    return {"status": "error", "data": {}, "error": why, "transaction": transaction}


def test_a_ping_is_answered_with_how_long_we_are_up_and_the_epoch(front: Front) -> None:
    front.now_s += 12.34
    assert front.ask("ping", transaction="a1") == {
        "status": "ok",
        "data": {"uptime_s": 12.3, "epoch": "7f3c9a"},
        "error": None,
        "transaction": "a1",
    }


def test_a_setting_is_handed_on_and_not_answered(front: Front) -> None:
    assert front.hear("porch/set/enabled", b"OFF") == []
    assert front.hear("yard/set/min_score", b"0.75") == []
    assert front.house.settings == [
        Setting("porch", "enabled", False),
        Setting("yard", "min_score", 0.75),
    ]


def test_watches_are_those_of_the_moment(front: Front) -> None:
    front.hear("attic/set/enabled", b"ON")
    front.house.names.append("attic")
    front.hear("attic/set/enabled", b"OFF")
    assert front.house.settings == [Setting("attic", "enabled", False)]


def test_a_bad_setting_is_one_line_in_the_log_that_no_stranger_can_break(
    front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    front.hear("porch/set/min_score\nERROR all is lost" + "x" * 500, b"7")
    (line,) = caplog.messages
    assert line.startswith(f"command on '{BASE}/porch/set/min_score\\nERROR all is lostx")
    assert line.endswith(" not done: the key must be one of: enabled, min_score, model, shadow")
    assert len(line) < 210


def test_bad_settings_are_told_five_times_at_once_and_six_times_a_minute(
    front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(600):
        front.now_s += 0.1
        front.hear("porch/set/enabled", b"maybe")
    assert 10 <= len(caplog.messages) <= 11


@pytest.mark.parametrize("topic", ["porch/set/enabled", "request/restart", "request/ping"])
def test_what_is_retained_is_ignored(front: Front, topic: str) -> None:
    front.now_s += 61
    assert front.hear(topic, b"ON" if "set" in topic else b"{}", retained=True) == []
    assert (front.house.settings, front.house.restarts) == ([], [])


@pytest.mark.parametrize(
    "topic",
    [
        "edgecls/other/request/ping",
        "edgecls/board2/request/ping",
        "x/edgecls/board/request/ping",
        "request/ping",
        f"{BASE}/request",
        f"{BASE}/request/ping/now",
        f"{BASE}//request/ping",
        f"{BASE}/porch/get/enabled",
        f"{BASE}/set/enabled",
        f"{BASE}/porch/set/enabled/x",
    ],
)
def test_other_topics_are_ignored(front: Front, topic: str) -> None:
    assert front.take(Arrived(front.line, topic, b"ON", False)) == []
    assert front.house.settings == []


def test_a_request_nobody_knows_is_answered_with_those_we_know(front: Front) -> None:
    why = "unknown request; known: ping, replay, restart, snapshot, collect"
    assert front.ask("reboot", transaction=7) == refusal(why, 7)


@pytest.mark.parametrize("op", ["Ping", "ping2", "", "a" * 21, "pi ng", "$sys", "pıng", "ping\n"])
def test_a_request_whose_name_is_no_word_gets_no_answer(front: Front, op: str) -> None:
    assert front.hear(f"request/{op}", b"{}", response_topic="clients/a") == []


def test_what_the_configuration_does_not_allow_is_refused() -> None:
    front = Front(commands=["ping"])
    why = "{} is not allowed here; commands in [mqtt] allows: ping"
    for op in ("replay", "restart", "snapshot", "collect"):
        assert front.ask(op) == refusal(why.format(op))
    front.hear("porch/set/enabled", b"OFF")
    assert front.house.settings == []


def test_other_settings_hold_from_the_moment_they_are_given(front: Front) -> None:
    front.desk.settings = replace(front.desk.settings, commands=())
    why = "ping is not allowed here; commands in [mqtt] allows: (nothing)"
    assert front.ask("ping") == refusal(why)


LABEL = (
    '"label" must be a string: it becomes the name of a folder, so 1 to 100 bytes, '
    "neither / nor \\, no control characters, neither . nor - in front, "
    "no space in front or behind"
)


def test_pictures_are_asked_of_their_watch_by_their_label() -> None:
    front = Front(commands=["collect"])
    answer = front.ask("collect", watch="porch", label="gate open", count=10, every_s=2)
    assert answer["data"] == {"folder": "/state/porch/gate open", "count": 10, "every_s": 2.0}
    assert front.ask("collect", watch="porch", label="none")["data"]["count"] == 1
    assert front.ask("collect", watch="porch", label="none", count=0)["status"] == "ok"
    assert front.house.collected == [
        Collect("porch", "gate open", 10, 2.0),
        Collect("porch", "none", 1, 1.0),
        Collect("porch", "none", 0, 1.0),
    ]
    assert front.ask("collect", watch="yard", label="x") == refusal("the watch yard is not enabled")


def test_where_there_is_one_watch_it_need_not_be_named_for_pictures() -> None:
    front = Front(commands=["collect"])
    front.house.names = ["porch"]
    assert front.ask("collect", label="open")["status"] == "ok"
    assert front.house.collected == [Collect("porch", "open", 1, 1.0)]
    assert front.ask("collect", watch="attic", label="open")["status"] == "error"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"label": "open"}, '"watch" must be one of: porch, yard'),
        ({"watch": "attic", "label": "open"}, '"watch" must be one of: porch, yard'),
        ({"watch": "porch"}, LABEL),
        ({"watch": "porch", "label": "../../etc"}, LABEL),
        ({"watch": "porch", "label": ".git"}, LABEL),
        ({"watch": "porch", "label": "-rf"}, LABEL),
        ({"watch": "porch", "label": "a\u0000"}, LABEL),
        ({"watch": "porch", "label": 7}, LABEL),
        ({"watch": "porch", "label": "a", "count": 1001},
         '"count" must be a whole number from 0 to 1000'),
        ({"watch": "porch", "label": "a", "count": True},
         '"count" must be a whole number from 0 to 1000'),
        ({"watch": "porch", "label": "a", "every_s": 0},
         '"every_s" must be a number from 0.1 to 3600'),
        ({"watch": "porch", "label": "a", "every_s": "1"},
         '"every_s" must be a number from 0.1 to 3600'),
    ],
)  # fmt: skip
def test_pictures_that_cannot_be_kept_are_refused(asked: dict[str, Any], why: str) -> None:
    front = Front(commands=["collect"])
    assert front.ask("collect", **asked) == refusal(why)
    assert front.house.collected == []


@pytest.mark.parametrize(
    ("payload", "why", "transaction"),
    [
        (b"", "the payload must be a JSON object, {} at least", None),
        (b'{"transaction":', "the payload must be a JSON object, {} at least", None),
        (b'{"transaction":7,"epoch":1}', '"epoch" must be the epoch of an event, as a string', 7),
        (b'{"transaction":"t","limit":0}', '"limit" must be a whole number from 1 to 1000', "t"),
        (b" " * 70_000, "the payload must have at most 4096 bytes", None),
    ],
)  # fmt: skip
def test_a_bad_request_is_answered_with_what_is_allowed(
    front: Front, payload: bytes, why: str, transaction: object
) -> None:
    (answer,) = front.hear("request/replay", payload, cut=len(payload) > 65536)
    assert answer.json == refusal(why, transaction)


def test_a_replay_gives_events_on_the_response_topic_only(front: Front) -> None:
    answer = front.ask("replay", after_seq=1, limit=1)
    assert answer["data"] == {
        "epoch": "7f3c9a",
        "events": [{"epoch": "7f3c9a", "seq": 2}],
        "more": True,
    }
    rest = front.ask("replay", after_seq=2, epoch="7f3c9a")["data"]
    assert ([event["seq"] for event in rest["events"]], rest["more"]) == ([3], False)
    assert front.ask("replay", epoch="000000")["data"] == {
        "epoch": "000000",
        "events": [],
        "more": False,
    }


def test_five_replays_may_be_on_their_way_and_the_next_waits_for_them(front: Front) -> None:
    for _ in range(5):
        assert front.ask("replay")["status"] == "ok"
    why = "earlier answers are still on their way: ask again later"
    assert front.ask("replay") == refusal(why)
    assert front.ask("ping")["status"] == "ok"
    front.acknowledge_all()
    assert front.ask("replay")["status"] == "ok"


def test_a_restart_is_answered_and_then_done(front: Front) -> None:
    front.now_s += 60
    assert front.ask("restart")["status"] == "ok"
    assert front.house.restarts == [1]


def test_a_restart_is_refused_just_after_the_start_and_while_one_is_under_way(
    front: Front,
) -> None:
    front.now_s += 59.5
    why = "one restart a minute is allowed: ask again in {} s"
    assert front.ask("restart") == refusal(why.format(1))
    front.now_s += 0.5
    front.ask("restart")
    assert front.ask("restart") == refusal(why.format(60))
    assert front.house.restarts == [2]


def test_a_snapshot_is_asked_of_its_watch(front: Front) -> None:
    assert front.ask("snapshot", watch="porch") == {
        "status": "ok",
        "data": {},
        "error": None,
        "transaction": None,
    }
    assert front.ask("snapshot", watch="yard") == refusal("snapshot is not true for this watch")
    assert front.ask("snapshot") == refusal('"watch" must be one of: porch, yard')
    assert front.house.snapshots == ["porch", "yard"]


def test_an_answer_goes_to_the_topic_that_was_asked_for_with_its_correlation(front: Front) -> None:
    (answer,) = front.hear("request/ping", response_topic="clients/a", correlation=b"\x00\xff")
    assert (answer.topic, answer.correlation) == ("clients/a", b"\x00\xff")
    assert (answer.qos, answer.retain) == (1, False)


@pytest.mark.parametrize(
    "wanted",
    ["other/a", "clients", "clients/#", "homeassistant/device/x/config", f"{BASE}/porch/event", ""],
)
def test_where_no_answer_may_go_it_goes_to_our_own_topic(wanted: str) -> None:
    front = Front(response_prefixes=["clients", "homeassistant", "edgecls"])
    (answer,) = front.hear("request/ping", response_topic=wanted, correlation=b"7")
    assert (answer.topic, answer.correlation) == (f"{BASE}/response/ping", b"7")


def test_long_correlation_data_are_refused_and_not_sent_back(front: Front) -> None:
    (answer,) = front.hear("request/ping", correlation=b"7" * 257)
    assert answer.json == refusal("correlation data may have 256 bytes at most")
    assert answer.correlation is None


def test_ten_commands_are_taken_at_once_and_ten_a_second(front: Front) -> None:
    for _ in range(25):
        front.hear("porch/set/enabled", b"ON")
    assert len(front.house.settings) == 10
    front.now_s += 0.55
    for _ in range(25):
        front.hear("porch/set/enabled", b"ON")
    assert len(front.house.settings) == 15


def test_of_requests_that_are_too_many_one_a_second_is_told_so(front: Front) -> None:
    answers: list[Any] = []
    for _ in range(300):  # in three seconds
        answers += [sent.json for sent in front.hear("request/ping", b'{"transaction":"t"}')]
        front.now_s += 0.01
    excuses = [answer for answer in answers if answer["status"] == "error"]
    assert excuses == [refusal("more than 10 commands a second: not done", "t")] * 3
    assert len(answers) - len(excuses) == pytest.approx(40, abs=1)


def test_a_burst_is_told_once(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        for _ in range(100):
            front.hear("porch/set/enabled", b"ON")
            front.now_s += 0.05
        front.now_s += 11
    assert caplog.messages == ["more than 10 commands a second: the rest is not done"] * 2
    assert caplog.records[0].levelno == logging.WARNING


@given(st.lists(st.tuples(st.floats(0, 2), st.booleans()), max_size=200))
def test_no_second_sees_more_than_twenty_commands_done(steps: list[tuple[float, bool]]) -> None:
    front = Front()
    done: list[float] = []
    for pause_s, asks in steps:
        front.now_s += pause_s**4
        before = len(front.house.settings)
        if asks:
            answers = [sent.json["status"] for sent in front.hear("request/ping")]
            done += [front.now_s] * answers.count("ok")
        else:
            front.hear("porch/set/enabled", b"ON")
            done += [front.now_s] * (len(front.house.settings) - before)
    for i, start_s in enumerate(done):
        assert sum(1 for at_s in done[i:] if at_s < start_s + 1) <= 20


def test_without_a_line_nothing_is_answered_and_settings_are_done(front: Front) -> None:
    front.wire.lost()
    assert front.hear("request/ping") == []
    front.hear("porch/set/enabled", b"ON")
    assert front.house.settings == [Setting("porch", "enabled", True)]


def test_a_refused_answer_is_our_fault_only_on_our_own_topics() -> None:
    health, line = Health(), FakeLine()
    wire = Wire(BASE, health)
    wire.connected(line)
    for topic in ("clients/a", f"{BASE}/response/aaa", f"{BASE}/response/bbb"):
        mid = wire.answer(topic, b"{}", None)
        assert mid is not None
        assert wire.is_under_way(mid)
        before = health.report().reasons
        wire.acknowledged(Acknowledged(line, mid, "Not authorized", True))
        if topic == "clients/a":
            assert health.report().reasons == before == ()
    assert health.report().reasons == ("mqtt_not_authorized",)
    assert (wire.publish_failures, wire.idle) == (3, True)
    mid = wire.answer(f"{BASE}/response/ping", b"{}", None)
    assert mid is not None
    wire.acknowledged(Acknowledged(line, mid))
    assert health.report().ok
