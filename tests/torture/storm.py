"""Events through kills and cuts: which are lost, and which come twice.

python -m tests.torture.storm [--events N] [--kills N] [--seed N] [--daemon] [--protocol 3.1.1]

The publisher and its broker are killed (-9) at random moments, and the connection between them is
cut after acknowledgements were withheld. What was committed is read from a copy of the database
after each kill; what the broker has taken is what it acknowledged at the tap. With `--daemon` the
publisher is `edgecls run` before a camera that shows something else in each frame.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from tests.brokers import Mosquitto
from tests.conftest import PROJECT
from tests.torture.board import BRIGHT, DARK, Board, board
from tests.torture.ledger import Findings, Ledger, compare, snapshot
from tests.torture.tap import Tap

CLOSE_S = 180


@dataclass(frozen=True)
class Plan:
    events: int = 10_000  # at least; a daemon finds what it finds
    kills: int = 50  # of the publisher, of the broker, and cuts: so many of each
    seed: int = 1
    daemon: bool = False
    protocol: str = "auto"

    @property
    def pause_s(self) -> float:
        """Between two of one kind, on average: a daemon begins more slowly."""
        return 2.5 if self.daemon else 1.0


@dataclass(frozen=True)
class Figures:
    plan: Plan
    committed: int
    findings: Findings
    levels: dict[int, int]  # connections per version of MQTT
    took_s: float

    def __str__(self) -> str:
        found, kills = self.findings, self.plan.kills
        again = 100 * found.again / max(1, self.committed)
        who = "daemon" if self.plan.daemon else "publisher"
        return (
            f"{self.committed} events, {kills} kills of the {who}, {kills} of the broker,"
            f" {kills} cuts, seed {self.plan.seed}, {self.took_s:.0f} s:"
            f" {len(found.lost)} lost or out of order, {found.seen_twice} seen twice,"
            f" {found.copies} copies on the wire ({again:.1f} % again),"
            f" connections by level of MQTT {self.levels}"
        )


class Publishing(Protocol):
    """A process that finds something all the time."""

    def kill(self) -> None: ...

    def finish(self) -> None:
        """Let it deliver what waits, and end."""
        ...


@dataclass(frozen=True)
class Publisher:
    """Whoever is killed."""

    database: Path
    begin: Callable[[int, int], Publishing]  # the number of its life, how much is to be found


def storm(plan: Plan, folder: Path) -> Figures:
    """Run it in a folder. Asserts what a commit promises; the rest is in the figures."""
    began = time.monotonic()
    broker = Mosquitto(folder / "mosquitto").start()
    ledger, chance = Ledger(), random.Random(plan.seed)
    with closing(Tap(broker.port)) as tap, _publisher(plan, folder, tap.url) as publisher:
        try:
            with _going_on(plan, broker, tap) as over:
                for life in range(plan.kills):
                    publishing = publisher.begin(life, plan.events)
                    time.sleep(chance.uniform(0.1, 2 * plan.pause_s))
                    publishing.kill()
                    ledger.note(snapshot(publisher.database))
                last = publisher.begin(plan.kills, max(100, plan.events - len(ledger.events)))
                over()
                last.finish()
                ledger.note(snapshot(publisher.database))
        finally:
            broker.kill()
        if not plan.daemon:
            ledger.assert_no_holes()
        findings = compare(ledger, tap.copies)
        levels = {level: tap.levels.count(level) for level in set(tap.levels)}
    return Figures(plan, len(ledger.events), findings, levels, time.monotonic() - began)


@contextmanager
def _publisher(plan: Plan, folder: Path, url: str) -> Iterator[Publisher]:
    if not plan.daemon:
        database = folder / "outbox.sqlite"
        told = ["--url", url, "--database", database, "--protocol", plan.protocol]
        yield Publisher(database, partial(Bare, told))
        return
    with board(folder, url) as one:
        one.decision |= {"confirm": "1 of 1"}
        one.fps = 50
        one.mqtt |= {"protocol": plan.protocol}
        one.shows(DARK, BRIGHT)
        yield Publisher(one.database, lambda *_: Whole(one))


class Bare:
    """The delivery alone."""

    def __init__(self, told: Sequence[object], life: int, events: int) -> None:
        command = [sys.executable, "-m", "tests.torture.publisher", *map(str, told)]
        self._process = subprocess.Popen(
            [*command, "--life", str(life), "--events", str(events)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def finish(self) -> None:
        waiting, _ = self._process.communicate(timeout=CLOSE_S)
        assert waiting.split() == [b"0"], f"{waiting!r} events still wait, undisturbed"


class Whole:
    """The daemon."""

    def __init__(self, one: Board) -> None:
        # One that may have to wait for half a minute before it connects would be killed first.
        patches = {"edgecls.delivery.session.MAX_PAUSE_S": 1.0}
        self._life = one.begun("--drain-timeout", 60, patches=patches)
        self.kill = self._life.kill

    def finish(self) -> None:
        self._life.says("(MQTT ")  # connected, or back: it may have begun while there was no broker
        assert self._life.stop() == 0


@contextmanager
def _going_on(plan: Plan, broker: Mosquitto, tap: Tap) -> Iterator[Callable[[], None]]:
    """Kill the broker and cut the connection meanwhile; what is given waits until that is over."""

    def kill_broker(chance: random.Random) -> None:
        broker.kill()
        time.sleep(chance.uniform(0, 0.4))
        broker.start()

    def cut(chance: random.Random) -> None:
        tap.swallow()
        time.sleep(chance.uniform(0, 0.3))
        tap.cut()

    def repeat(action: Callable[[random.Random], None], chance: random.Random) -> None:
        for _ in range(plan.kills):
            time.sleep(chance.uniform(0, 2 * plan.pause_s))
            action(chance)

    threads = [
        threading.Thread(target=repeat, args=(action, random.Random(f"{plan.seed} {number}")))
        for number, action in enumerate((kill_broker, cut))
    ]
    for thread in threads:
        thread.start()

    def over() -> None:
        for thread in threads:
            thread.join()

    try:
        yield over
    finally:
        over()


def main() -> None:
    parser = argparse.ArgumentParser()
    for one in fields(Plan):
        kind: dict[str, Any] = {"type": type(one.default), "default": one.default}
        if one.name == "daemon":
            kind = {"action": "store_true"}
        parser.add_argument(f"--{one.name}", **kind)
    with tempfile.TemporaryDirectory() as folder:
        print(storm(Plan(**vars(parser.parse_args())), Path(folder)))


if __name__ == "__main__":
    main()
