"""Whether the wall clock can be believed."""

from __future__ import annotations

import ctypes
from pathlib import Path

# systemd-timesyncd touches it at the first synchronisation after boot.
TIMESYNC_MARK = Path("/run/systemd/timesync/synchronized")

_TIMEX_BYTES = 512  # more than any architecture's struct timex; zeros: read only
_TIME_ERROR = 5  # "clock not synchronised", adjtimex(2)


def clock_is_synchronised() -> bool:
    """True when NTP keeps the clock; False also when nobody can tell."""
    if TIMESYNC_MARK.exists():
        return True
    return not _system_calls_are_filtered() and _kernel_says_so()


def _kernel_says_so() -> bool:
    state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return 0 <= state < _TIME_ERROR


def _system_calls_are_filtered() -> bool:
    """A service's filter may kill who calls adjtimex, even to read."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return "\nSeccomp:\t0" not in status
