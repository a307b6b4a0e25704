"""What was set over MQTT, after a restart: it holds until the file says something new."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from edgecls.overrides import note_of, overridden, with_overrides
from edgecls.settings import CameraSettings, Config, ModelSettings, WatchSettings

CONFIG = Config(
    cameras={"yard": CameraSettings(source="demo:")},
    models={"day": ModelSettings(file="a.tflite"), "night": ModelSettings(file="b.tflite")},
    watches={"gate": WatchSettings(model="day")},
)


def restarted(config: Config, **notes: Any) -> tuple[WatchSettings, list[str]]:
    """The watch after a restart with this file, and what does not hold any more."""
    on_disk = json.loads(json.dumps({f"gate/{key}": note for key, note in notes.items()}))
    config, outdated = with_overrides(config, on_disk)
    return config.watches["gate"], outdated


def with_file(key: str, value: Any) -> Config:
    """The same file with another value."""
    return replace(CONFIG, watches={"gate": overridden(CONFIG.watches["gate"], key, value)})


@pytest.mark.parametrize(
    ("key", "value", "other"),
    [("enabled", False, False), ("min_score", 0.8, 0.7), ("model", "night", "night")],
)
def test_it_holds_as_long_as_the_file_says_the_same(key: str, value: Any, other: Any) -> None:
    note = note_of(CONFIG, "gate", key, value)
    watch, outdated = restarted(CONFIG, **{key: note})
    assert (watch, outdated) == (overridden(CONFIG.watches["gate"], key, value), [])
    changed = with_file(key, other)
    assert restarted(changed, **{key: note}) == (changed.watches["gate"], [f"gate/{key}"])


def test_what_the_file_says_is_no_override() -> None:
    assert note_of(CONFIG, "gate", "enabled", True) is None
    assert note_of(with_file("min_score", 0.7), "gate", "min_score", 0.7) is None


def test_a_min_score_set_over_none_in_the_file_holds() -> None:
    watch, _ = restarted(CONFIG, min_score=note_of(CONFIG, "gate", "min_score", 0.6))
    assert watch.decision.min_score == 0.6


@pytest.mark.parametrize("note", [None, 3, {}, {"value": 1}, {"value": "gone", "file": "day"}])
def test_what_cannot_be_understood_does_not_hold(note: Any) -> None:
    assert restarted(CONFIG, model=note) == (CONFIG.watches["gate"], ["gate/model"])


def test_a_watch_that_is_gone_takes_its_overrides_along() -> None:
    _, outdated = with_overrides(CONFIG, {"hall/enabled": {"value": False, "file": True}})
    assert outdated == ["hall/enabled"]
