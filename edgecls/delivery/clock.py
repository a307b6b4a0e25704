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

    @classmethod
    def of(cls, ns: int, ts: float) -> Stamp:
        """A moment since this machine was booted."""
        return cls(boot_id(), ns, ts)

    @property
    def before_boot(self) -> bool:
        """Whether the machine was booted since."""
        return self.boot != boot_id()

    def elapsed_s(self) -> float:
        """Seconds since then: exact since boot; of before, what the wall clock says, at least 0."""
        if self.before_boot:
            return max(0.0, time.time() - self.ts)
        return max(0.0, (time.monotonic_ns() - self.ns) / 1e9)

    def age_s(self) -> float:
        """As `elapsed_s`; but at least UNKNOWN_AGE_S where that is a guess."""
        elapsed_s = self.elapsed_s()
        return max(elapsed_s, UNKNOWN_AGE_S) if self._is_guess else elapsed_s

    def known_s(self) -> float:
        """As `elapsed_s`; but 0 where that is a guess: clocks without a battery are years off."""
        return 0.0 if self._is_guess else self.elapsed_s()

    @property
    def _is_guess(self) -> bool:
        return self.before_boot and not clock_is_synchronised()


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
