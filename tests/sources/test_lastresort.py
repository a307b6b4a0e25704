"""What ends a process that hangs with Python's lock in its hands."""

from __future__ import annotations

import subprocess
import sys

HANGS = """
import ctypes
from edgecls.sources.lastresort import returns_within
with returns_within(1):
    ctypes.PyDLL(None).sleep({seconds})  # PyDLL keeps Python's lock
print("returned")
"""


def run(seconds: int) -> subprocess.CompletedProcess[str]:
    code = HANGS.format(seconds=seconds)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )


def test_a_call_that_does_not_return_ends_the_process_with_status_75() -> None:
    assert run(30).returncode == 75


def test_a_call_that_returns_is_left_alone() -> None:
    assert run(0).stdout == "returned\n"
