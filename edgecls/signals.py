"""What the process is told from outside: to stop, or to read its configuration again."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from edgecls import early


@dataclass(frozen=True)
class Signals:
    """What the process was told from outside."""

    stopped: threading.Event = field(default_factory=threading.Event)
    hangups: queue.SimpleQueue[bool] = field(default_factory=queue.SimpleQueue)


@contextmanager
def listening_to_signals(*, reloads: bool = False) -> Iterator[Signals]:
    """SIGTERM and Ctrl-C ask for an orderly stop; SIGHUP too, unless the program `reloads`."""
    signals = Signals()

    def stop(*_: object) -> None:
        if not signals.stopped.is_set():  # one may come while the first is being dealt with
            signals.stopped.set()

    def reload(*_: object) -> None:
        signals.hangups.put(True)  # the only thing that may be done at any moment

    hangup = reload if reloads else stop
    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: hangup}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    if early.asked:
        signals.stopped.set()
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stopping_after(seconds: float | None, stopped: threading.Event) -> Iterator[None]:
    """Ask for a stop after so many seconds, unless it is None."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, stopped.set)
    timer.daemon = True
    timer.name = "timer"
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
