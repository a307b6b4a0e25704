"""edgecls, with less patience than it has, or with a wall clock that can be set.

python -m tests.torture.patched NAME=VALUE... -- ARGUMENTS...

NAME is a constant of edgecls such as `edgecls.delivery.storage.RETRY_S`, VALUE a number or a path.
With `clock=FILE` the wall clock is wrong by the seconds that the file holds at the moment.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from edgecls.__main__ import main


def wrong_clock(file: Path) -> Callable[[], float]:
    """A wall clock in place of `time.time`; the monotonic clock knows nothing of it."""
    right = time.time

    def wrong() -> float:
        return right() + float(file.read_text())

    return wrong


def _value(text: str) -> float | Path:
    return Path(text) if "/" in text else float(text)


if __name__ == "__main__":
    split = sys.argv.index("--")
    for patch in sys.argv[1:split]:
        name, _, value = patch.partition("=")
        if name == "clock":
            time.time = wrong_clock(Path(value))
            continue
        module, _, constant = name.rpartition(".")
        assert hasattr(import_module(module), constant), name
        setattr(import_module(module), constant, _value(value))
    sys.argv = ["edgecls", *sys.argv[split + 1 :]]
    sys.exit(main())
