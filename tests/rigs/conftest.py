"""The rigs: where they are, and where what they make is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def rigs() -> Path:
    """The folder of the rigs; tests skip without it, and without root."""
    folder = Path(os.environ.get("EDGECLS_RIGS", PROJECT.parent / "shared" / "rigs"))
    if not folder.is_dir():
        pytest.skip(f"no rigs at {folder} (set EDGECLS_RIGS)")
    if os.geteuid() != 0:
        pytest.skip("the rigs need root")
    return folder.resolve()


@pytest.fixture(scope="session")
def rig_cache() -> Path:
    """What takes a minute to make is kept here from run to run."""
    default = Path.home() / ".cache" / "edgecls-rigs"
    folder = Path(os.environ.get("EDGECLS_RIG_CACHE", default))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
