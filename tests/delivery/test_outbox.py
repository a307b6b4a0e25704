"""What is committed, in which order it is sent, and what a full outbox loses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgecls.delivery.outbox import REPLAY_BYTES, WINDOW, Outbox
from edgecls.domain import Phase
from edgecls.errors import EdgeclsError
from edgecls.health import Health
from edgecls.settings import OutboxSettings
from tests.delivery.scenes import event

Open = Callable[..., Outbox]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens the outbox of one device; every process before is dead then."""
    live: list[Outbox] = []

    def open_(*, max_events: int = 100, max_mb: int = 64, health: Health | None = None) -> Outbox:
        for earlier in live:
            earlier.close()
        bounds = OutboxSettings(max_events=max_events, max_mb=max_mb)
        live.append(Outbox(tmp_path / "outbox.sqlite", bounds, health or Health()))
        return live[-1]

    yield open_
    for outbox in live:
        outbox.close()


def fill(outbox: Outbox, count: int, *watches: str) -> Outbox:
    for number in range(count):
        watch = watches[number % len(watches)] if watches else "porch"
        outbox.add(event(Phase.START, watch))
        outbox.commit()
    return outbox


def send_all(outbox: Outbox, first_mid: int = 1) -> list[tuple[int, int]]:
    """Hand over what may be sent now: (seq, attempt)."""
    sent: list[tuple[int, int]] = []
    while (entry := outbox.next()) is not None:
        copy = json.loads(outbox.copy(entry))
        outbox.sent(entry, first_mid + len(sent))
        sent.append((copy["seq"], copy["attempt"]))
    return sent


def acknowledge_all(outbox: Outbox) -> list[dict[str, Any]]:
    """Send everything, one after the other, to a broker that takes it."""
    taken = []
    while (entry := outbox.next()) is not None:
        taken.append(entry.payload)
        outbox.sent(entry, entry.id)
        outbox.acknowledged(entry.id)
        outbox.commit()
    return taken


def test_no_more_than_a_window_is_under_way(opened: Open) -> None:
    outbox = fill(opened(), WINDOW + 5)
    assert [seq for seq, _ in send_all(outbox)] == list(range(1, WINDOW + 1))
    outbox.acknowledged(1)
    outbox.commit()
    assert send_all(outbox, first_mid=100) == [(WINDOW + 1, 1)]
    assert outbox.pending == WINDOW + 4


def test_a_lost_connection_puts_the_unacknowledged_back_in_order(opened: Open) -> None:
    outbox = fill(opened(), 5)
    send_all(outbox)
    outbox.acknowledged(2)
    outbox.take_back()
    assert send_all(outbox) == [(1, 2), (3, 2), (4, 2), (5, 2)]


def test_a_refused_event_is_kept_and_holds_back_the_others(opened: Open) -> None:
    outbox = fill(opened(), WINDOW + 1)
    send_all(outbox)
    assert outbox.refused(2) is not None
    for mid in (1, *range(3, WINDOW + 1)):
        outbox.acknowledged(mid)
    outbox.commit()
    assert outbox.next() is None
    outbox.take_back_refused()
    assert send_all(outbox, first_mid=100) == [(2, 2)]  # alone: it may be refused again
    outbox.acknowledged(100)
    outbox.commit()
    assert send_all(outbox, first_mid=200) == [(WINDOW + 1, 1)]


def test_another_process_goes_on_where_the_last_one_died(opened: Open) -> None:
    before = fill(opened(), 4)
    send_all(before)
    before.acknowledged(1)
    before.commit()
    before.acknowledged(2)  # never written: the process dies here
    after = fill(opened(), 1)
    assert after.epoch == before.epoch
    assert send_all(after) == [(2, 2), (3, 2), (4, 2), (5, 1)]


def test_what_was_not_committed_never_was(opened: Open) -> None:
    before = fill(opened(), 1)
    before.add(event(Phase.END))
    before.note("kept", "porch", {"label": "dog"})
    after = opened()
    assert after.pending == 1
    assert after.notes("kept") == {}


def test_an_end_names_the_start_of_an_earlier_process(opened: Open) -> None:
    started = fill(opened(), 1).epoch
    outbox = opened()
    outbox.add(event(Phase.END))
    outbox.commit()
    assert acknowledge_all(outbox)[-1]["start_id"] == f"{started}-1"


def test_notes_are_replaced_and_forgotten(opened: Open) -> None:
    outbox = opened()
    outbox.note("topic", "a", True)
    outbox.note("topic", "b", True)
    outbox.commit()
    outbox.note("topic", "a", None)
    assert outbox.notes("topic") == {"b": True}
    outbox.commit()
    assert opened().notes("topic") == {"b": True}


def test_two_processes_cannot_have_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecls.delivery.store._LOCK_TIMEOUT_S", 0.1)
    file, bounds = tmp_path / "outbox.sqlite", OutboxSettings()
    outbox = Outbox(file, bounds, Health())
    with pytest.raises(EdgeclsError, match="is in use: another edgecls runs for this device"):
        Outbox(file, bounds, Health())
    outbox.close()
    Outbox(file, bounds, Health()).close()


def test_an_overflow_loses_the_oldest_and_leaves_a_gap_in_their_place(opened: Open) -> None:
    health = Health()
    outbox = fill(opened(health=health), 105)
    assert health.report().reasons == ("outbox_full",)
    gap, *following = acknowledge_all(outbox)
    assert (gap["phase"], gap["from_seq"], gap["to_seq"]) == ("gap", 1, outbox.dropped)
    assert (gap["seq"], gap["id"]) == (gap["to_seq"], f"{outbox.epoch}-{gap['to_seq']}")
    assert [each["seq"] for each in following] == list(range(outbox.dropped + 1, 106))
    assert health.report().reasons == ()


def test_each_watch_that_lost_events_has_its_gap_and_numbers_still_rise(opened: Open) -> None:
    taken = acknowledge_all(fill(opened(), 110, "porch", "yard"))
    gaps = {each["watch"]: each["from_seq"] for each in taken if each["phase"] == "gap"}
    seqs = [each["seq"] for each in taken]
    assert seqs == sorted(set(seqs))
    assert gaps == {"porch": 1, "yard": 2}


def test_what_is_under_way_is_not_lost_by_an_overflow(opened: Open) -> None:
    outbox = fill(opened(), 1)
    send_all(outbox)
    fill(outbox, 100)
    acknowledged = outbox.acknowledged(1)
    assert acknowledged is not None
    assert acknowledged.payload["seq"] == 1


def test_acknowledged_events_are_forgotten_before_any_is_lost(opened: Open) -> None:
    outbox = fill(opened(), 100)
    acknowledge_all(outbox)
    fill(outbox, 100)
    assert (outbox.pending, outbox.dropped) == (100, 0)
    assert outbox.since(0, 1000)[0][0]["seq"] == 101


def test_megabytes_are_a_bound_too(opened: Open) -> None:
    outbox = fill(opened(max_events=50_000, max_mb=1), 3000)
    assert outbox.dropped > 0
    assert outbox.report()["bytes"] <= 1_000_000 * 1.05
    gap, *following = acknowledge_all(outbox)
    assert (gap["phase"], gap["to_seq"]) == ("gap", outbox.dropped)
    assert following[-1]["seq"] == 3000


def test_replay_gives_what_was_acknowledged_and_what_waits(opened: Open) -> None:
    outbox = fill(opened(), 3)
    acknowledge_all(outbox)
    fill(outbox, 1)
    events, more = outbox.since(1, 2)
    assert ([each["seq"] for each in events], more) == ([2, 3], True)
    assert [each["seq"] for each in outbox.since(3, 2)[0]] == [4]
    assert outbox.since(0, 5, epoch="ffffff") == ([], False)


def test_a_replay_stays_below_what_brokers_take(opened: Open) -> None:
    outbox = fill(opened(max_events=1000), 900)
    events, more = outbox.since(0, 1000)
    assert more
    assert (
        REPLAY_BYTES * 0.95 < len(json.dumps(events, separators=(",", ":"))) <= REPLAY_BYTES * 1.01
    )
