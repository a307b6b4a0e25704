"""Runs edgecls as its users do: as a program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

TIMEOUT_S = 60


def edgecls(*arguments: object, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; `home` is the folder of its state."""
    return python("-m", "edgecls", *arguments, home=home)


def python(*arguments: object, home: Path) -> subprocess.CompletedProcess[str]:
    """Run Python to its end."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )


class Running:
    """A daemon in the background; leaving the context kills what is left of it."""

    def __init__(self, *arguments: object, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edgecls", *map(str, arguments)],
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate(timeout=TIMEOUT_S)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal and wait for the end: (exit status, stdout, stderr)."""
        self.process.send_signal(number)
        return self.end()

    def end(self) -> tuple[int, str, str]:
        """Wait for the end: (exit status, stdout, stderr)."""
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, out, err


def json_lines(text: str) -> list[dict[str, Any]]:
    """The JSON objects in a text, one a line."""
    return [json.loads(line) for line in text.splitlines()]


def environment(home: Path) -> dict[str, str]:
    """The environment of a program whose home is this folder."""
    kept = {k: v for k, v in os.environ.items() if k not in ("JOURNAL_STREAM", "STATE_DIRECTORY")}
    own = {"XDG_STATE_HOME": "state", "XDG_DATA_HOME": "share", "XDG_CACHE_HOME": "cache"}
    return kept | {name: str(home / folder) for name, folder in own.items()} | {"HOME": str(home)}
