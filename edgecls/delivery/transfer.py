"""From one store to another: when a disk or a file cannot be used, and when it can again."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgecls.delivery.numbering import Numbering
from edgecls.delivery.store import Store


@dataclass(slots=True)
class Rescued:
    """What a store holds for another one: the numbers of its events, and whether that was all."""

    events: set[tuple[str, int]] = field(default_factory=set)
    complete: bool = False


def rescue(broken: Store, heir: Store) -> Rescued:
    """Fill a new store with what can be read of another: into memory, only what waits.

    A new epoch begins, because nobody knows which numbers cannot be read any more.
    """
    rescued = Rescued()
    numbering = Numbering(starts=broken.numbering.starts)
    events = broken.readable_events(waiting=heir.in_memory)
    notes = broken.readable_notes()
    with heir.transaction():
        for row in events:
            heir.put_event(row)
            rescued.events.add((row.epoch, row.seq))
        heir.put_notes({(kind, name): value for kind, name, value in notes})
        heir.put_numbering(numbering)
        heir.recount()
    heir.numbering = numbering
    heir.last_id = max(heir.last_id, broken.last_id)
    rescued.complete = events.complete and notes.complete
    return rescued


def give_back(memory: Store, disk: Store, rescued: Rescued) -> None:
    """Bring the disk up to date with what was in memory meanwhile; nothing may be under way.

    `rescued` was in memory on behalf of this disk: what of it does not wait any more is settled.
    What the disk has and memory never saw stays as it is.
    """
    waiting = {(row.epoch, row.seq) for row in memory.readable_events(waiting=True)}
    with disk.transaction():
        for epoch, seq in rescued.events - waiting:
            disk.settle(epoch, seq)
        last_id = disk.last_id
        for row in memory.readable_events(waiting=False):
            if not disk.has(row.epoch, row.seq):
                last_id += 1
                disk.put_event(row._replace(id=last_id))
        if rescued.complete:
            disk.forget_notes()
        notes = memory.readable_notes()
        disk.put_notes({(kind, name): value for kind, name, value in notes})
        disk.put_numbering(memory.numbering)
        disk.recount()
    disk.numbering = memory.numbering.copy()
