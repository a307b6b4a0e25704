"""Who has got on, since when: native calls that may never return, threads that should go round."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """One thread's mark, read by the supervisor."""

    def __init__(self, who: str, silence_s: float = math.inf) -> None:
        """`silence_s`: within which some call must be finished, or some step be made."""
        self.who = who
        self._silence_s = silence_s
        self._advanced_ns = time.monotonic_ns()
        # One attribute: read and written in one step. Call, begin, patience.
        self._inside: tuple[str, int, float] | None = None

    def expect(self, silence_s: float) -> None:
        """From now on, something is to be done at least so often."""
        self._advanced_ns = time.monotonic_ns()
        self._silence_s = silence_s

    def step(self) -> None:
        """The thread has gone round once."""
        self._advanced_ns = time.monotonic_ns()

    @property
    def call(self) -> str | None:
        """The call that is under way, in words."""
        inside = self._inside
        return None if inside is None else inside[0]

    @contextmanager
    def inside(self, call: str, patience_s: float = 0.0) -> Iterator[None]:
        """Mark that `call` (words for a person) is under way; every finished call is progress.

        A call with a time-out of its own may be given more `patience_s` than the usual limit.
        """
        self._inside = (call, time.monotonic_ns(), patience_s)
        try:
            yield
        finally:
            self._inside = None
            self._advanced_ns = time.monotonic_ns()

    def overdue(self, limit_s: float, now_ns: int) -> str | None:
        """The sentence that says which call hangs, or that nothing happens at all; or None."""
        inside = self._inside
        if inside is None:
            silent = now_ns - self._advanced_ns >= self._silence_s * 1e9
            return f"{self.who}: no progress for {self._silence_s:g} s" if silent else None
        limit_s = max(limit_s, inside[2])
        if now_ns - inside[1] < limit_s * 1e9:
            return None
        return f"{self.who}: {inside[0]} did not return within {limit_s:g} s"
