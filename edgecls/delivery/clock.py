"""What time it is, how long ago something was, and whether the wall clock can be believed."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# systemd-timesyncd touches it at the first synchronisation after boot.
TIMESYNC_MARK = Path("/run/systemd/timesync/synchronized")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

# What an event is said to be old at least when a reboot lies between and nobody knows the time:
# old news must not open a gate.
UNKNOWN_AGE_S = 3600.0

_TIMEX_BYTES = 512  # more than any architecture's struct timex; zeros: read only
_TIME_ERROR = 5  # "clock not synchronised", adjtimex(2)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment that can be written down: the monotonic clock counts from boot."""

    boot: str
    ns: int  # monotonic
    ts: float  # wall clock
    known: bool  # whether that was synchronised

    @property
    def _is_guess(self) -> bool:
        """A clock without a battery is years off until it is synchronised."""
        rebooted = self.boot != boot_id()
        return rebooted and not (self.known and clock_is_synchronised())

    def elapsed_s(self) -> float:
        """Seconds since then: exact since boot; else by the wall clock, 0 where that is a guess."""
        if self.boot == boot_id():
            return max(0.0, (time.monotonic_ns() - self.ns) / 1e9)
        return 0.0 if self._is_guess else max(0.0, time.time() - self.ts)

    def age_s(self) -> float:
        """The same; but at least UNKNOWN_AGE_S where that is a guess."""
        return UNKNOWN_AGE_S if self._is_guess else self.elapsed_s()


@cache
def boot_id() -> str:
    """What changes with every boot of the machine; empty where nobody says."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


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
