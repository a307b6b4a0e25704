"""A process of its own for native code, which may crash, hang, or talk without end."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

_KILLING_S = 2.0
_MOST_OUT, _MOST_ERR = 1 << 24, 4096  # bytes: a library may say the same at every call


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended, and the last of what it said."""

    status: int
    out: str
    err: str

    @property
    def signal(self) -> str | None:
        """The name of the signal that ended it, if one did."""
        return signal.Signals(-self.status).name if self.status < 0 else None


def run_apart(module: str, *arguments: str, limit_s: float) -> Ended:
    """`python -m MODULE ARGUMENTS`, whatever lies in the working folder.

    Raises OSError where no process can be had; TimeoutError when the time is over: then it is
    killed, or left behind where it hangs in the kernel.
    """
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us: a child that dies of it looks like a crash
    )
    until_s = time.monotonic() + limit_s
    assert child.stdout is not None
    assert child.stderr is not None
    with child.stdout, child.stderr:
        try:
            out, err = _said({child.stdout: _MOST_OUT, child.stderr: _MOST_ERR}, until_s)
            status = child.wait(max(0.0, until_s - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            child.kill()
            try:
                child.wait(_KILLING_S)
            except subprocess.TimeoutExpired:
                hangs = f"process {child.pid} cannot be killed: only a restart of the board helps"
                raise TimeoutError(hangs) from None
            raise TimeoutError(f"no answer in {limit_s:g} s") from None
        except BaseException:  # Ctrl-C is not for a child that may hang
            child.kill()
            with suppress(subprocess.TimeoutExpired):
                child.wait(_KILLING_S)
            raise
    return Ended(status, out, err)


def _said(pipes: dict[IO[bytes], int], until_s: float) -> list[str]:
    """The last bytes of each pipe, so many at most. Raises TimeoutError."""
    said = {pipe: bytearray() for pipe in pipes}
    with selectors.DefaultSelector() as open_ones:
        for pipe in pipes:
            open_ones.register(pipe, selectors.EVENT_READ)
        while open_ones.get_map():
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            for key, _ in open_ones.select(left_s):
                pipe = key.fileobj  # type: ignore[assignment]
                if not (heard := os.read(key.fd, 65_536)):
                    open_ones.unregister(pipe)
                said[pipe] += heard
                del said[pipe][: -pipes[pipe]]
    return [words.decode("utf-8", "replace") for words in said.values()]
