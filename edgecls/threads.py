"""The daemon's threads: named, and none of them dies in silence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


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
