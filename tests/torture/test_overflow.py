"""An outbox that is too small for its broker's absence: whatever is lost is announced."""

from __future__ import annotations

import random
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.brokers import Mosquitto
from tests.torture.ledger import shown, snapshot
from tests.torture.storm import Bare
from tests.torture.tap import Copy, Tap

BOUND = 200


@pytest.mark.torture
@pytest.mark.parametrize("seed", [1, 2])
def test_what_a_consumer_does_not_see_lies_in_a_gap(
    seed: int, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    chance, database = random.Random(seed), tmp_path / "outbox.sqlite"
    with closing(Tap(mosquitto.port)) as tap:
        told = ["--url", tap.url, "--database", database, "--max-events", BOUND]
        for life in range(8):
            publisher = Bare(told, life, 2000)
            time.sleep(chance.uniform(0.5, 1.5))
            mosquitto.kill()
            time.sleep(chance.uniform(0.5, 2.5))
            if life % 2:
                publisher.kill()
            mosquitto.start()
            time.sleep(chance.uniform(0.0, 0.5))
            publisher.kill()
            assert len(snapshot(database).events) <= BOUND
        Bare(told, 8, 100).finish()
    visible = shown(copy for copy in tap.copies if copy.taken)
    last = visible[-1].payload["seq"]
    told_of = set[int]().union(*map(numbers, visible))
    gaps = [copy for copy in visible if copy.payload["phase"] == "gap"]
    again = len(tap.copies) - len({copy.key for copy in tap.copies})
    print(
        f"{last} events, {last - len(visible) + len(gaps)} lost in {len(gaps)} gaps,"
        f" {again} copies again"
    )
    assert told_of == set(range(1, last + 1))
    assert last in snapshot_seqs(database)
    assert gaps, "nothing was lost: that was no test"


def numbers(copy: Copy) -> set[int]:
    """What a consumer knows about after this one."""
    payload = copy.payload
    if payload["phase"] != "gap":
        return {payload["seq"]}
    assert payload["to_seq"] == payload["seq"]
    return set(range(payload["from_seq"], payload["to_seq"] + 1))


def snapshot_seqs(database: Path) -> list[int]:
    return [seq for _, seq in snapshot(database).events]
