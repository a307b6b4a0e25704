"""Native calls that may never return, and who is inside one since when."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """One thread's mark: set before a native call, cleared after it. Read by the supervisor."""

    def __init__(self, who: str) -> None:
        self.who = who
        # One attribute: read and written in one step. Call, begin, patience.
        self._inside: tuple[str, int, float] | None = None

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

    def overdue(self, limit_s: float, now_ns: int) -> str | None:
        """The sentence that says which call hangs, or None."""
        inside = self._inside
        if inside is None:
            return None
        limit_s = max(limit_s, inside[2])
        if now_ns - inside[1] < limit_s * 1e9:
            return None
        return f"{self.who}: {inside[0]} did not return within {limit_s:g} s"
