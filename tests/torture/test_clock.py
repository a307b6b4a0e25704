"""The wall clock jumps by a year: only `ts` follows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import MakeSubscriber, Mosquitto
from tests.subscriber import Message, Subscriber
from tests.torture.board import BRIGHT, DARK, Board
from tests.torture.consumer import BASE, events, until_state

YEAR_S = 365 * 86_400


class Clock:
    """The wall clock of a daemon, and how wrong it is."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.patches: dict[str, object] = {"clock": self._file}
        self.is_off_by(0)

    def is_off_by(self, seconds: float) -> None:
        """For the daemon that runs, and for those to come."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+.0f}")
        new.replace(self._file)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


def see(porch: Board, subscriber: Subscriber, label: str) -> None:
    porch.shows(DARK if label == "dark" else BRIGHT)
    until_state(subscriber, label)


def assert_sane(messages: list[Message], labels: list[str]) -> list[dict[str, Any]]:
    found = events(messages)
    assert [each["seq"] for each in found] == list(range(1, 2 * len(labels)))
    assert [each["label"] for each in found if each["phase"] == "start"] == labels
    starts = [each["id"] for each in found if each["phase"] == "start"]
    assert [each["start_id"] for each in found if each["phase"] == "end"] == starts[:-1]
    for each in found:
        assert 0 <= each["age_s"] < 30, each
        assert each["phase"] == "start" or 0 < each["duration_s"] < 60, each
    assert len({each["epoch"] for each in found}) == 1
    return found


def year_of(event: Mapping[str, Any]) -> int:
    return int(event["ts"][:4])


def test_a_jump_of_a_year_while_running(
    clock: Clock, porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    porch.more += "[stats]\ninterval_s = 1\n"
    with porch.life(patches=clock.patches) as one:
        see(porch, subscriber, "dark")
        clock.is_off_by(YEAR_S)
        see(porch, subscriber, "overexposed")
        clock.is_off_by(-YEAR_S)
        see(porch, subscriber, "dark")
        subscriber.wait_for(lambda found: len(events(found)) >= 5)
        before = len(stats_in(subscriber.messages))
        stats = stats_in(subscriber.wait_for(lambda found: len(stats_in(found)) > before + 1))
        assert one.alive
    now, ahead, behind = assert_sane(subscriber.messages, ["dark", "overexposed", "dark"])[::2]
    assert (year_of(ahead) - year_of(now), year_of(behind) - year_of(now)) == (1, -1)
    for each in stats:
        assert 1 <= each["interval_s"] < 3
        assert 0 <= each["uptime_s"] < 60
        assert 0 <= each["outbox"]["oldest_s"] < 30
        assert all(0 <= stage["max"] < 30_000 for stage in each["latency_ms"].values())


def stats_in(messages: list[Message]) -> list[dict[str, Any]]:
    return [m.json for m in messages if m.topic == f"{BASE}/stats"]


@pytest.mark.torture
@pytest.mark.parametrize("jump_s", [YEAR_S, -YEAR_S])
def test_a_jump_of_a_year_across_a_kill_while_events_wait(
    jump_s: int, clock: Clock, porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    """An event from before the jump waits for the broker, and a state goes on over it."""
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#", persistent_as="log")
    with porch.life(patches=clock.patches):
        see(porch, subscriber, "dark")
        mosquitto.stop()
        porch.shows(BRIGHT)
        porch.until_committed(3)
    clock.is_off_by(jump_s)
    mosquitto.start()
    with porch.life(patches=clock.patches):
        until_state(subscriber, "overexposed")
        see(porch, subscriber, "dark")
        subscriber.wait_for(lambda found: len(events(found)) >= 5)
    found = assert_sane(subscriber.messages, ["dark", "overexposed", "dark"])
    assert year_of(found[-1]) - year_of(found[0]) == (1 if jump_s > 0 else -1)


@pytest.mark.torture
@pytest.mark.parametrize("jump_s", [YEAR_S, -YEAR_S])
def test_a_reboot_with_a_clock_that_is_a_year_off(
    jump_s: int, clock: Clock, porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    """A board without a battery: the monotonic clock began anew, and the other one is wrong."""
    boot_id = porch.home / "boot_id"
    boot_id.write_text("first\n")
    patches = {**clock.patches, "edgecls.delivery.clock.BOOT_ID": boot_id}
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#", persistent_as="log")
    with porch.life(patches=patches):
        see(porch, subscriber, "dark")
        mosquitto.stop()
        porch.shows(BRIGHT)
        porch.until_committed(3)
    clock.is_off_by(jump_s)
    boot_id.write_text("second\n")
    mosquitto.start()
    with porch.life(patches=patches):
        until_state(subscriber, "overexposed")
        see(porch, subscriber, "dark")
        subscriber.wait_for(lambda found: len(events(found)) >= 5)
    found = events(subscriber.messages)
    assert [each["seq"] for each in found] == [1, 2, 3, 4, 5]
    # How old they are nobody knows: too old to open a gate.
    assert all(each["age_s"] >= 3600 for each in found[1:3])
    assert found[3]["phase"] == "end"
    assert 0 <= found[3]["duration_s"] < 60
