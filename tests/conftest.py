"""What every test may use: the shared data, and brokers and daemons that belong to it alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.brokers import make_mosquitto, make_subscriber, mosquitto

__all__ = ["make_mosquitto", "make_subscriber", "mosquitto"]

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real models, photos and videos; tests that need it skip without it."""
    folder = Path(os.environ.get("EDGECLS_TEST_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"test data not found at {folder} (set EDGECLS_TEST_DATA)")
    return folder.resolve()
