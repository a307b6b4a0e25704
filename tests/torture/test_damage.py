"""The database is damaged, before the start or under the daemon: no event is lost to consumers."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import MakeSubscriber, Mosquitto
from tests.subscriber import Subscriber
from tests.torture.board import Board
from tests.torture.consumer import BASE, assert_consumers_see_all, see_a_change

PATCHES = {"edgecls.delivery.storage.RETRY_S": 0.5}
PAGE = 4096


def _header(file: Path) -> None:
    _overwrite(file, 0, random.Random(1).randbytes(200))


def _middle_page(file: Path) -> None:
    _overwrite(file, PAGE * (file.stat().st_size // PAGE // 2), random.Random(2).randbytes(PAGE))


def _all_but_the_header(file: Path) -> None:
    _overwrite(file, PAGE, random.Random(3).randbytes(file.stat().st_size - PAGE))


def _zeros(file: Path) -> None:
    _overwrite(file, 0, bytes(file.stat().st_size))


def _half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _odd_length(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1000)


def _nothing(file: Path) -> None:
    os.truncate(file, 0)


def _overwrite(file: Path, at: int, data: bytes) -> None:
    with file.open("r+b") as damaged:
        damaged.seek(at)
        damaged.write(data)


DAMAGES = [_header, _middle_page, _all_but_the_header, _zeros, _half, _odd_length, _nothing]
Damage = Callable[[Path], None]


def with_a_database(porch: Board, subscriber: Subscriber) -> list[dict[str, Any]]:
    """Let a daemon fill one and stop in good order; the starts so far."""
    with porch.life() as one:
        starts = [see_a_change(porch, subscriber) for _ in range(6)]
        assert one.stop() == 0
    return starts


@pytest.mark.torture
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_database_that_was_damaged_meanwhile_is_set_aside(
    damage: Damage, porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    starts = with_a_database(porch, subscriber)
    damage(porch.database)
    with porch.life(patches=PATCHES) as one:
        starts += [see_a_change(porch, subscriber) for _ in range(3)]
        assert one.alive
        assert "Traceback" not in one.log
        said = one.log
    assert_consumers_see_all(subscriber.messages, starts)
    print(damage.__name__, starts[0]["epoch"], starts[-1]["epoch"], "set aside" in said)
    with porch.life(patches=PATCHES):
        starts.append(see_a_change(porch, subscriber))
    assert starts[-1]["epoch"] == starts[-2]["epoch"]
    assert_consumers_see_all(subscriber.messages, starts)


@pytest.mark.torture
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_database_that_is_damaged_under_the_daemon_costs_no_event(
    damage: Damage, porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    starts = with_a_database(porch, subscriber)
    with porch.life(patches=PATCHES) as one:
        starts.append(see_a_change(porch, subscriber))
        damage(porch.database)
        starts += [see_a_change(porch, subscriber) for _ in range(4)]
        assert one.alive
        assert "Traceback" not in one.log
    for _ in range(2):
        with porch.life(patches=PATCHES) as one:
            starts += [see_a_change(porch, subscriber) for _ in range(2)]
            assert one.alive
            assert "Traceback" not in one.log
    assert_consumers_see_all(subscriber.messages, starts)


@pytest.mark.torture
def test_a_database_that_vanishes_under_the_daemon_costs_no_event(
    porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    with porch.life(patches=PATCHES):
        starts = [see_a_change(porch, subscriber)]
        shutil.rmtree(porch.state_dir)
        starts += [see_a_change(porch, subscriber) for _ in range(3)]
    with porch.life(patches=PATCHES):
        starts += [see_a_change(porch, subscriber) for _ in range(2)]
    assert_consumers_see_all(subscriber.messages, starts)
