"""Ends the process when a native call hangs that does not even let other Python threads run.

libcamera's `stop` keeps Python's lock: while it hangs on a frozen sensor, no supervisor in Python
can act. A timer of the C library can: it calls `_exit` in a thread of its own.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from edgecls.errors import SourceLost

_CLOCK_MONOTONIC = 1
_SIGEV_THREAD = 2


class _Event(ctypes.Structure):
    """glibc's `struct sigevent` for SIGEV_THREAD."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("function", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("padding", ctypes.c_char * 40),
    )


class _Times(ctypes.Structure):
    """`struct itimerspec`."""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


@contextmanager
def returns_within(limit_s: int) -> Iterator[None]:
    """End the process with status 75 if the body lasts longer; where there is no such timer, try.

    What the body is about must be in the log before: there is no one left to say it.
    """
    library = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if library is None or not hasattr(library, "timer_create"):  # before glibc 2.34: in librt
        yield
        return
    exit_now = ctypes.cast(library._exit, ctypes.c_void_p)
    event = _Event(SourceLost.exit_status, 0, _SIGEV_THREAD, exit_now, None)
    timer = ctypes.c_void_p()
    if library.timer_create(_CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        library.timer_settime(timer, 0, ctypes.byref(_Times(0, 0, limit_s, 0)), None)
        yield
    finally:
        library.timer_delete(timer)
