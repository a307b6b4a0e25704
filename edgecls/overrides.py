"""What was set over MQTT, and survives a restart as long as the file does not say something new."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from edgecls.settings import Config, DecisionSettings, Rule, WatchSettings

log = logging.getLogger(__name__)

OVERRIDE = "override"  # the kind of note; its name is WATCH/KEY
KEYS = ("enabled", "min_score", "model", "shadow")
MIN_SCORE: Rule = next(f for f in fields(DecisionSettings) if f.name == "min_score").metadata[
    "rule"
]


def overridden(settings: WatchSettings, key: str, value: Any) -> WatchSettings:
    """A watch with one of its settings set. `key`: one of KEYS."""
    if key == "min_score":
        return replace(settings, decision=replace(settings.decision, min_score=value))
    return replace(settings, **{key: value})


def note_of(config: Config, watch: str, key: str, value: Any) -> dict[str, Any] | None:
    """What is noted of an override; None where it says the same as the file."""
    in_file = value_in_file(config.watches[watch], key)
    return None if value == in_file else {"value": value, "file": in_file}


def with_overrides(config: Config, notes: Mapping[str, Any]) -> tuple[Config, list[str]]:
    """The configuration with what was set since, and the names of notes that hold no more: the
    file's value is another one than the one replaced, or what was set is there no longer."""
    watches, outdated = dict(config.watches), []
    for name, note in notes.items():
        watch, _, key = name.partition("/")
        if watch in watches and _holds(config, watch, key, note):
            watches[watch] = overridden(watches[watch], key, note["value"])
        else:
            outdated.append(name)
    return replace(config, watches=watches), outdated


def carried(before: Config, running: Config, after: Config) -> tuple[Config, list[str]]:
    """The file's configuration `after` it changed, with what was set since (where `running` differs
    from the file `before`) as far as that still holds; and the names of notes that hold no more.
    """
    watches, outdated = dict(after.watches), []
    for name, in_file in before.watches.items():
        for key in KEYS:
            was, value = value_in_file(in_file, key), value_in_file(running.watches[name], key)
            note = {"value": value, "file": was}
            if name not in watches or (was != value and not _holds(after, name, key, note)):
                outdated.append(f"{name}/{key}")
                if was != value:
                    log.info("%s/%s as set over MQTT does not hold any more", name, key)
            elif was != value:
                watches[name] = overridden(watches[name], key, value)
    return replace(after, watches=watches), outdated


def known_models(config: Config) -> set[str]:
    """The names of models that the file knows: nobody else may have one loaded."""
    watches = config.watches.values()
    shadows = {watch.shadow for watch in watches if watch.shadow is not None}
    return {*config.models, *(watch.model for watch in watches), *shadows}


def value_in_file(settings: WatchSettings, key: str) -> Any:
    """What the file says of a setting; None where it says nothing of `min_score`."""
    return settings.decision.min_score if key == "min_score" else getattr(settings, key)


def _holds(config: Config, watch: str, key: str, note: Any) -> bool:
    match note:
        case {"value": value, "file": in_file}:
            fits = key in KEYS and _fits(config, key, value)
            return fits and value_in_file(config.watches[watch], key) == in_file
    return False


def _fits(config: Config, key: str, value: Any) -> bool:
    """Whether a value may be set: another version of edgecls may have written it."""
    match key, value:
        case "enabled", bool():
            return True
        case "min_score", float() | int():
            return not isinstance(value, bool) and MIN_SCORE.instead_of(value) is None
        case "shadow", None:
            return True
        case "model" | "shadow", str():
            return value in known_models(config)
    return False
