"""Single keys from a terminal, which is as before afterwards."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import termios
import tty
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any

AGAIN, UNDO, END = " ", "u", "q"
MOST_LABELS = 9
_NO_KEY = re.compile(rb"\x1b(\[[0-?]*[ -/]*[@-~]|O.)?")  # what arrows and the like send
_SHOW_CURSOR = "\x1b[?25h"
_ALL = 4096  # bytes: what a terminal holds. Less might end in the midst of an arrow


class Keyboard:
    """Standard input without lines and echo. Ctrl-C stays a signal."""

    def __init__(self) -> None:
        self._descriptor = sys.stdin.fileno()
        self._before: list[Any] | None = None

    def __enter__(self) -> Keyboard:
        self._before = termios.tcgetattr(self._descriptor)
        self._begin()
        # After Ctrl-Z, a shell leaves the terminal to us as it had it itself.
        self._at_going_on = signal.signal(signal.SIGCONT, self._begin)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGCONT, self._at_going_on)
        self.restore()

    def restore(self) -> None:
        """The terminal as it was, if it still is. For any thread."""
        if self._before is not None:
            with suppress(termios.error):
                # Keys that nobody has read are not for the shell.
                termios.tcflush(self._descriptor, termios.TCIFLUSH)
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)

    def abandon(self) -> None:
        """Restore it for a process that is about to be ended."""
        self.restore()
        with suppress(OSError):
            os.write(self._descriptor, _SHOW_CURSOR.encode())

    def pressed(self) -> str:
        """The keys since the last call, none of them an arrow or the like; END where the terminal
        is gone. Does not wait."""
        if not select.select([self._descriptor], [], [], 0)[0]:
            return ""
        keys = os.read(self._descriptor, _ALL)
        if not keys:
            return END
        return _NO_KEY.sub(b"", keys).decode(errors="ignore").lower()

    def _begin(self, *_: object) -> None:
        with suppress(termios.error):  # a terminal that goes away tells us to go on, too
            tty.setcbreak(self._descriptor)  # what was typed before is dropped


def keys_of(labels: Sequence[str]) -> Mapping[str, str]:
    """The label of each key: its number, and its first letter where that is no other's."""
    keys = {str(number): label for number, label in enumerate(labels, 1)}
    letters = [label[0].lower() for label in labels]
    for letter, label in zip(letters, labels, strict=True):
        if letters.count(letter) == 1 and letter not in {AGAIN, UNDO, END, *keys}:
            keys[letter] = label
    return keys
