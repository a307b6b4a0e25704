"""A real delivery with a real outbox, and a frame loop that finds something all the time.

python -m tests.torture.publisher --url URL --database FILE [--life N] [--per-s N] [--events N]

Hands events over, one watch after the other, until it is killed. When its standard input ends it
delivers what waits and prints how many events it could not.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from pathlib import Path

from edgecls.delivery import storage
from edgecls.delivery.delivery import Delivery
from edgecls.domain import NO_STATE, Kept, Outcome, Phase, State
from edgecls.settings import MqttSettings
from tests.delivery.scenes import delivery, event, seen

WATCHES = ("porch", "yard")
LIVES = 100_000  # media_s tells who handed an event over, and as which: life * LIVES + number


def outcome(life: int, number: int) -> Outcome:
    """Each watch's states begin and end in turn."""
    watch = WATCHES[number % 2]
    begins = number % 4 < 2
    at = float(life * LIVES + number)
    state = State("dog", "dog", None, at, 0.9) if begins else NO_STATE
    told = event(Phase.START if begins else Phase.END, watch, media_s=at)
    return Outcome(
        watch, time.time(), state, seen(), True, (told,),
        handed_ns=time.monotonic_ns(), kept=Kept("mobilenet", state, lasted_s=at),
    )  # fmt: skip


def hand_over(one: Delivery, life: int, per_s: float, events: int) -> None:
    """At this rate, until all are handed over."""
    began = time.monotonic()
    number = 0
    while number < events:
        time.sleep(0.005)
        due = min(events, int((time.monotonic() - began) * per_s) + 1)
        while number < due:
            one.publish(outcome(life, number))
            number += 1


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url")
    parser.add_argument("--database", type=Path)
    parser.add_argument("--protocol", default="auto")
    parser.add_argument("--max-events", type=int, default=50_000)
    parser.add_argument("--retry-s", type=float, default=storage.RETRY_S, help="of the disk")
    parser.add_argument("--life", type=int, default=0)
    parser.add_argument("--per-s", type=float, default=250.0)
    parser.add_argument("--events", type=int, default=LIVES)
    return parser.parse_args()


if __name__ == "__main__":
    told = options()
    storage.RETRY_S = told.retry_s
    one = delivery(
        MqttSettings(url=told.url, protocol=told.protocol),
        watched={watch: [("dog", "dog")] for watch in WATCHES},
        max_events=told.max_events,
        file=told.database,
    )
    for body in (one.run, one.run_network):
        threading.Thread(target=body).start()
    loop = threading.Thread(target=hand_over, args=(one, told.life, told.per_s, told.events))
    loop.start()
    sys.stdin.read()
    loop.join()
    print(one.close(120.0), flush=True)
    os._exit(0)  # no thread is waited for
