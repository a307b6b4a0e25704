"""The daemon that is tortured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import Mosquitto
from tests.torture.board import Board, board


@pytest.fixture
def porch(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Board]:
    """A board whose camera sees darkness, with a broker."""
    with board(tmp_path, mosquitto.url) as one:
        yield one
