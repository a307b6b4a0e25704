"""The daemon's threads: named, and none of them dies in silence."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence

from edgecls.errors import SourceLost
from edgecls.progress import Progress

log = logging.getLogger(__name__)

NATIVE_CALL_LIMIT_S = 15.0


class Threads:
    """Starts threads; an error in one of them stops the daemon and is raised by `raise_failure`."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []

    def start(self, name: str, body: Callable[[], None]) -> threading.Thread:
        """Run `body` in a thread of that name."""

        def guarded() -> None:
            try:
                body()
            except BaseException as error:  # noqa: BLE001 - raised again in the main thread
                self._failures.append(error)
                self._stopped.set()

        # Daemon threads: one that hangs in a native call must not keep the process alive.
        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
        return thread

    def join(self, prefix: str, timeout_s: float) -> None:
        """Wait for the threads whose names begin so, `timeout_s` in all."""
        until_s = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.name.startswith(prefix):
                thread.join(max(0.0, until_s - time.monotonic()))

    def raise_failure(self) -> None:
        """Raise what ended the first thread that failed, if one did."""
        if self._failures:
            raise self._failures[0]


def supervise(progresses: Sequence[Progress], finished: threading.Event) -> None:
    """End the process when a native call hangs: nothing in Python can take it back.

    The service manager starts it again; status 75 says that this may help.
    """
    while not finished.wait(1.0):
        for progress in progresses:
            if sentence := progress.overdue(NATIVE_CALL_LIMIT_S, time.monotonic_ns()):
                log.critical("%s; ending with status %d", sentence, SourceLost.exit_status)
                logging.shutdown()
                os._exit(SourceLost.exit_status)
