"""edgecls turns a small board with a camera into a sensor that can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecls.api import Classifier

__all__ = ["Classifier", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """`Classifier` comes when it is asked for: `check-config` does without NumPy and a runtime."""
    if name == "Classifier":
        from edgecls.api import Classifier

        return Classifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
