"""Signals that come while Python is still importing.

The exception that such a signal raises may be lost: libraries that look for others while they are
imported take any exception for "not there". So it is noted as well.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable
from types import FrameType

_UNTIL_STOPPED = {"collect", "demo", "look", "run"}  # commands that a signal ends, done

asked: list[int] = []  # signals that wanted us to stop


def stop_on_signals() -> None:
    """SIGTERM and Ctrl-C end the program in good order, from now on."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    if sys.argv[1:2] == ["run"]:
        # It would have its configuration read again, which is still to come; or is at its end.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def status(words: Iterable[str]) -> int:
    """The exit status of a command (among these words) that was stopped: 0, or 1 where it still
    owes its result, so that no script goes on as if it had it."""
    return 1 if _UNTIL_STOPPED.isdisjoint(words) else 0


def _stop(number: int, _: FrameType | None) -> None:
    asked.append(number)
    raise KeyboardInterrupt
