"""Watches over the other threads, and tells systemd how we are."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterable

from edgecls.errors import SourceLost
from edgecls.progress import Progress
from edgecls.service.notify import Notifier

log = logging.getLogger(__name__)

NATIVE_CALL_LIMIT_S = 15.0
STATUS_S = 2.0
_BEFORE_READY_S, _AFTERWARDS_S = 0.05, 1.0  # between two looks
_STOPPED_S = 5.0  # so long between two looks is no load: the whole process was stopped


class Supervisor:
    """Feeds the watchdog as long as everything advances, and ends the process when it does not."""

    def __init__(
        self,
        progresses: Callable[[], Iterable[Progress]],
        notifier: Notifier,
        *,
        is_ready: Callable[[], bool],
        status: Callable[[], str],
        at_the_end: Callable[[], None] = lambda: None,
    ) -> None:
        """`is_ready` says whether all that can be had at the start is there; `status`, how we are,
        for a person; `at_the_end` is called before the process is ended because of a hanging
        call."""
        self._progresses, self._notifier = progresses, notifier
        self._is_ready, self._status = is_ready, status
        self._at_the_end = at_the_end
        self._ready = False
        self._fed_s = self._told_s = self._patient_until_s = -math.inf

    def run(self, finished: threading.Event) -> None:
        """Body of the thread "supervisor"."""
        looked_s = time.monotonic()
        while not finished.wait(_AFTERWARDS_S if self._ready else _BEFORE_READY_S):
            now_s = time.monotonic()
            if now_s - looked_s >= _STOPPED_S:  # by Ctrl-Z, say: nobody could get on
                self._patient_until_s = now_s + NATIVE_CALL_LIMIT_S
            looked_s = now_s
            if now_s >= self._patient_until_s:
                self._end_if_overdue()
            self._tell(now_s)

    def _end_if_overdue(self) -> None:
        """A native call that hangs cannot be taken back by anything in Python.

        The service manager starts us again; status 75 says that this may help.
        """
        for progress in self._progresses():
            if sentence := progress.overdue(NATIVE_CALL_LIMIT_S, time.monotonic_ns()):
                log.critical("%s; ending with status %d", sentence, SourceLost.exit_status)
                self._notifier.status(sentence)
                self._at_the_end()
                logging.shutdown()
                os._exit(SourceLost.exit_status)

    def _tell(self, now_s: float) -> None:
        feed_s = self._notifier.feed_s
        if feed_s is not None and now_s >= self._fed_s + feed_s:
            self._fed_s = now_s
            self._notifier.feed()
        if not self._ready and self._is_ready():
            self._ready = True
            self._notifier.ready()
        if now_s >= self._told_s + STATUS_S:
            self._told_s = now_s
            self._notifier.status(self._status())
