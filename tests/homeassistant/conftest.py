"""Home Assistant itself, with its MQTT integration on a broker of its test package."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.homeassistant.home import Home

# It takes a device back itself as well, and then hears what it said.
_ECHO = "No device components to cleanup"


def complains(record: logging.LogRecord) -> bool:
    """Whether Home Assistant says there that something is wrong with what it heard."""
    # It warns of its own code when several of its MQTT platforms are loaded at once, whoever asks.
    of_itself = record.name == "homeassistant.helpers.frame"
    warning = record.levelno >= logging.WARNING and record.name.startswith("homeassistant")
    return warning and not of_itself


@pytest.fixture
async def home(
    hass: Any,
    mock_hass_config: None,
    mqtt_mock_entry: Callable[[], Awaitable[Any]],
    caplog: pytest.LogCaptureFixture,
) -> AsyncIterator[Home]:
    """Started and connected. Whatever a test does, Home Assistant has nothing to warn about."""
    with caplog.at_level(logging.WARNING):
        yield Home(hass, await mqtt_mock_entry())
    warnings = [
        f"{record.name}: {record.getMessage()}"
        for record in caplog.get_records("call")
        if complains(record) and not record.getMessage().startswith(_ECHO)
    ]
    assert warnings == []


@pytest.fixture
def expected_lingering_timers() -> bool:
    """The MQTT client, which is never told to end, has one."""
    return True
