"""Programs on a terminal: what they show, and what becomes of them when it goes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

from tests.brokers import wait_until
from tests.programs import TIMEOUT_S, environment

EDGECLS = ("-m", "edgecls")


class Terminal:
    """A program on a terminal of its own."""

    def __init__(
        self,
        *arguments: object,
        home: Path,
        program: Sequence[str] = EDGECLS,
        stderr: Path | None = None,
    ) -> None:
        """`stderr`: where that goes, if not to the terminal."""
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, 120))
        self.before = termios.tcgetattr(theirs)
        self.theirs, self.said, self._gone = theirs, b"", False
        with stderr.open("wb") if stderr else nullcontext(theirs) as said:
            self.process = subprocess.Popen(
                ["setsid", "--ctty", sys.executable, *program, *map(str, arguments)],
                env=environment(home) | {"TERM": "xterm-256color"},
                stdin=theirs, stdout=theirs, stderr=said,
            )  # fmt: skip
        os.set_blocking(self._ours, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(TIMEOUT_S)
        os.close(self.theirs)
        if not self._gone:
            os.close(self._ours)

    def shows(self, words: str) -> None:
        """Wait until it has shown this since the last time."""

        def shown() -> bool:
            self._read()
            return words.encode() in self.said

        wait_until(shown, f"{words!r} on the terminal", TIMEOUT_S)
        self.said = b""

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def hang_up(self) -> None:
        """The window is closed, the connection is cut."""
        self._gone = True
        os.close(self._ours)

    def end(self) -> int:
        """Wait for its end, reading on; its exit status."""
        wait_until(lambda: self._read() or self.process.poll() is not None, "the end", TIMEOUT_S)
        self._read()
        return self.process.wait()

    @property
    def modes(self) -> list[Any]:
        return termios.tcgetattr(self.theirs)

    def _read(self) -> bool:
        try:
            while chunk := os.read(self._ours, 65536):
                self.said += chunk
        except OSError:  # nothing more, for now or for ever
            pass
        return False
