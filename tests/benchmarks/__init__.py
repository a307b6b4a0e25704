"""Figures, not tests: run by hand, on a machine that is otherwise idle."""

from __future__ import annotations

import os
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[2]


def data_folder() -> Path:
    """The folder of real models and photos, as for the tests."""
    return Path(os.environ.get("EDGECLS_TEST_DATA", _PROJECT.parent / "shared" / "data")).resolve()
