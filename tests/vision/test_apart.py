"""A process of its own, and its end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgecls.vision.apart import run_apart
from tests.brokers import wait_until


@pytest.fixture
def _stopped_soon() -> Iterator[None]:
    """Ctrl-C in a second."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 1)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("_stopped_soon")
def test_a_child_does_not_outlive_who_was_stopped_while_waiting(tmp_path: Path) -> None:
    sleeping = f"import time; {str(tmp_path)!r}; time.sleep(100)"
    with pytest.raises(KeyboardInterrupt):
        run_apart("timeit", "-n1", sleeping, limit_s=90)
    wait_until(lambda: not _running(str(tmp_path)), "the child is gone")


def _running(word: str) -> bool:
    """Whether a living process has this word in its command line."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in file.read_bytes():
                return True
        except OSError:  # it ended meanwhile
            continue
    return False
