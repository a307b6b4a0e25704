"""Messages of strangers, 2,000 and (among the torture) 20,000: at the desk, and at a daemon."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgecls.delivery.commands import Setting
from edgecls.delivery.connection import MAX_INCOMING
from tests.brokers import MakeMosquitto
from tests.delivery.front import BASE, Front, Sent
from tests.delivery.strangers import WATCHES, Shot, Stranger, many_shots, shots
from tests.programs import Running

FEW, MANY = 1_000, 20_000
STARTED_S, DONE_S = 30.0, 60.0
BEFORE_A_REST = 1000
AT_ONCE = 40  # messages that one example of Hypothesis has: it goes faster than one by one
pauses_s = st.sampled_from((0.11, 0.11, 1.1, 31.0, 61.0))


def so_many(messages: int) -> settings:
    return settings(
        max_examples=messages // AT_ONCE,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def volley(of: st.SearchStrategy[Shot] = shots) -> st.SearchStrategy[list[Shot]]:
    return st.lists(of, min_size=AT_ONCE, max_size=AT_ONCE)


def is_valid(setting: Setting) -> bool:
    match setting.key:
        case "enabled":
            good = isinstance(setting.value, bool)
        case "min_score":
            good = isinstance(setting.value, float) and 0 <= setting.value <= 1
        case _:
            good = setting.key == "model" and setting.value in ("small", "large")
    return good and setting.watch in WATCHES


@so_many(FEW)
@given(volley(), st.lists(pauses_s, min_size=AT_ONCE, max_size=AT_ONCE), st.booleans())
def test_no_message_makes_the_desk_do_more_than_a_command_may(
    volley: Sequence[Shot], pauses_s: Sequence[float], hurried: bool
) -> None:
    assert_does_no_more(volley, pauses_s, hurried)


@pytest.mark.torture
@so_many(MANY)
@given(volley(), st.lists(pauses_s, min_size=AT_ONCE, max_size=AT_ONCE), st.booleans())
def test_nor_does_any_of_many_messages(
    volley: Sequence[Shot], pauses_s: Sequence[float], hurried: bool
) -> None:
    assert_does_no_more(volley, pauses_s, hurried)


def assert_does_no_more(volley: Sequence[Shot], pauses_s: Sequence[float], hurried: bool) -> None:
    front = Front()
    restarted_s = front.now_s
    for shot, pause_s in zip(volley, pauses_s, strict=True):
        front.now_s += 0.01 if hurried else pause_s
        restarts = len(front.house.restarts)
        sent = hear(front, shot)
        assert_is_answered(shot, sent, surely=not hurried)
        if len(front.house.restarts) > restarts:
            assert shot.topic == "request/restart"
            assert front.now_s - restarted_s >= 60
            restarted_s = front.now_s
    assert all(is_valid(setting) for setting in front.house.settings)
    assert set(front.house.snapshots) <= set(WATCHES)
    if hurried:
        assert len(front.house.settings) <= 14


def hear(front: Front, shot: Shot) -> list[Sent]:
    """What the desk sends upon a message, cut as the connection cuts it; it is acknowledged."""
    sent = front.hear(
        shot.topic,
        shot.payload[:MAX_INCOMING],
        cut=len(shot.payload) > MAX_INCOMING,
        response_topic=shot.response_topic,
        correlation=shot.correlation,
    )
    front.acknowledge_all()
    return sent


def assert_is_answered(shot: Shot, sent: Sequence[Sent], *, surely: bool) -> None:
    """Once if at all, where answers may be, and in their form."""
    answerable = re.fullmatch(r"request/[a-z_]{1,20}", shot.topic)
    if not answerable:
        assert list(sent) == []
        return
    assert len(sent) == 1 if surely else len(sent) <= 1
    for answer in sent:
        own = f"{BASE}/{shot.topic.replace('request', 'response', 1)}"
        foreign = answer.topic.startswith("clients/") and not set(answer.topic) & set("+#$\0")
        assert answer.topic == own or (foreign and answer.topic == shot.response_topic)
        assert (answer.qos, answer.retain) == (1, False)
        assert answer.correlation in (shot.correlation, None)
        assert_has_the_form(answer.payload)


def assert_has_the_form(payload: bytes) -> None:
    answer = json.loads(payload)
    assert list(answer) == ["status", "data", "error", "transaction"]
    if answer["status"] == "ok":
        assert answer["error"] is None
    else:
        assert (answer["status"], answer["data"]) == ("error", {})
        assert re.fullmatch(r"[ -~]{5,200}", answer["error"])
    assert len(str(answer["transaction"])) <= 100
    assert not isinstance(answer["transaction"], bool | list | dict)


OWN_TOPIC = re.compile(
    rf"{BASE}/(status|info|config|health|stats|(porch|yard)/(state|event|snapshot|label/[a-z0-9_]+))"
    "|homeassistant/device/edgecls_board/config"
)
HOUSE = """
[device]
id = "board"
[cameras.porch]
source = "demo:"
[models.small]
file = "camera_health_v1"
[models.large]
file = "camera_health_v1"
threads = 1
[watches.porch]
model = "small"
snapshot = true
[watches.yard]
model = "large"
[mqtt]
url = "{url}"
commands = ["set", "ping", "replay", "snapshot"]
response_prefixes = ["clients"]
"""


@pytest.mark.parametrize("messages", [FEW, pytest.param(MANY, marks=pytest.mark.torture)])
def test_a_daemon_outlives_strangers_and_touches_nothing_but_its_state(
    messages: int, tmp_path: Path, make_mosquitto: MakeMosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = make_mosquitto(lines="max_queued_messages 0").start()
    home = tmp_path / "home"
    for folder in (home, home / "state", home / "work", home / "tmp"):
        folder.mkdir()
    monkeypatch.chdir(home / "work")
    monkeypatch.setenv("TMPDIR", str(home / "tmp"))
    file = home / "edgecls.toml"
    file.write_text(HOUSE.format(url=broker.url))
    fired = many_shots(messages)
    with (
        Running("run", "-c", file, home=home) as daemon,
        closing(Stranger(broker.port)) as stranger,
    ):
        stranger.wait_until_answered(STARTED_S)
        before = files_of(home)
        for first in range(0, messages, BEFORE_A_REST):
            for shot in fired[first : first + BEFORE_A_REST]:
                stranger.fire(shot)
            stranger.wait_until_answered(DONE_S)  # and commands are obeyed again
        after = files_of(home)
        status, _, err = daemon.stop()
    assert (status, "Traceback" in err) == (0, False), err
    assert len(err.splitlines()) < 100
    assert stranger.disconnects == 0
    assert after == before
    assert_said_what_a_daemon_may(stranger.heard)


def files_of(home: Path) -> dict[str, int]:
    """Every file and folder outside of the daemon's state, and when it was changed last."""
    everything = (path for path in home.rglob("*") if home / "state" not in (path, *path.parents))
    return {str(path.relative_to(home)): path.stat().st_mtime_ns for path in everything}


def assert_said_what_a_daemon_may(heard: Mapping[str, Sequence[bytes]]) -> None:
    for topic, payloads in heard.items():
        if topic.startswith(f"{BASE}/response/"):
            assert re.fullmatch("[a-z_]{1,20}", topic.removeprefix(f"{BASE}/response/"))
        elif not topic.startswith("clients/"):
            assert OWN_TOPIC.fullmatch(topic)
            continue
        for payload in payloads:
            assert_has_the_form(payload)
    for payload in heard[f"{BASE}/config"]:
        for watch in json.loads(payload)["watches"].values():
            assert watch["model"] in ("small", "large")
            assert isinstance(watch["enabled"], bool)
            assert 0 <= watch["min_score"] <= 1
