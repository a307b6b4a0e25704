from __future__ import annotations

from edgecls.delivery.numbering import Gap, Numbering
from edgecls.delivery.outbox import WINDOW, Outbox
from edgecls.domain import Phase
from tests.delivery.scenes import event


def filled(count: int, *, max_events: int = 100, watches: tuple[str, ...] = ("porch",)) -> Outbox:
    outbox, numbering = Outbox(max_events), Numbering()
    for number in range(count):
        watch = watches[number % len(watches)]
        outbox.add(numbering.number(event(Phase.START, watch), ts_sync=True))
    return outbox


def send_all(outbox: Outbox, first_mid: int = 1) -> list[tuple[int, int]]:
    """Hand over what may be sent now: (seq, attempt)."""
    sent: list[tuple[int, int]] = []
    while (entry := outbox.next()) is not None:
        outbox.sent(first_mid + len(sent))
        sent.append((entry.message.seq, entry.attempt))
    return sent


def test_numbers_rise_from_one_and_epochs_differ() -> None:
    numbering = Numbering()
    numbers = [numbering.number(event(Phase.START), ts_sync=True).seq for _ in range(3)]
    assert numbers == [1, 2, 3]
    assert numbering.epoch != Numbering().epoch


def test_no_more_than_a_window_is_under_way() -> None:
    outbox = filled(WINDOW + 5)
    assert [seq for seq, _ in send_all(outbox)] == list(range(1, WINDOW + 1))
    outbox.acknowledged(1)
    assert send_all(outbox, first_mid=100) == [(WINDOW + 1, 1)]
    assert outbox.pending == WINDOW + 4


def test_a_lost_connection_puts_the_unacknowledged_back_in_order() -> None:
    outbox = filled(5)
    send_all(outbox)
    outbox.acknowledged(2)
    outbox.take_back()
    assert send_all(outbox) == [(1, 2), (3, 2), (4, 2), (5, 2)]


def test_a_refused_event_is_kept_and_holds_back_the_others() -> None:
    outbox = filled(WINDOW + 1)
    send_all(outbox)
    assert outbox.refused(2) is not None
    outbox.acknowledged(1)
    assert outbox.next() is None
    outbox.take_back_refused()
    assert send_all(outbox, first_mid=100) == [(2, 2), (WINDOW + 1, 1)]


def test_an_overflow_loses_the_oldest_and_leaves_a_gap_in_their_place() -> None:
    outbox = filled(105, max_events=100)
    entry = outbox.next()
    assert entry is not None
    assert isinstance(entry.message, Gap)
    lost = entry.message.seq - entry.message.from_seq + 1
    assert (entry.message.from_seq, lost) == (1, outbox.dropped)
    outbox.sent(1)
    following = outbox.next()
    assert following is not None
    assert following.message.seq == outbox.dropped + 1


def test_each_watch_that_lost_events_has_its_gap_and_numbers_still_rise() -> None:
    outbox = filled(110, max_events=100, watches=("porch", "yard"))
    gaps, seqs = {}, []
    while (entry := outbox.next()) is not None:
        if isinstance(entry.message, Gap):
            gaps[entry.message.watch] = (entry.message.from_seq, entry.message.seq)
        seqs.append(entry.message.seq)
        outbox.sent(entry.message.seq)
        outbox.acknowledged(entry.message.seq)
    assert seqs == sorted(set(seqs))
    assert {watch: first for watch, (first, _) in gaps.items()} == {"porch": 1, "yard": 2}
    assert outbox.pending == 0


def test_what_is_under_way_is_not_lost_by_an_overflow() -> None:
    outbox, numbering = Outbox(100), Numbering()
    outbox.add(numbering.number(event(Phase.START), ts_sync=True))
    send_all(outbox)
    for _ in range(100):
        outbox.add(numbering.number(event(Phase.START), ts_sync=True))
    acknowledged = outbox.acknowledged(1)
    assert acknowledged is not None
    assert acknowledged.message.seq == 1
