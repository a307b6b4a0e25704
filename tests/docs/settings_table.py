"""What settings.py says of each key, in the words of docs/configuration.md."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from edgecls import settings

TABLES: dict[str, type[Any]] = {
    "`[device]`": settings.DeviceSettings,
    "`[cameras.NAME]`": settings.CameraSettings,
    "`[models.NAME]`": settings.ModelSettings,
    "`[watches.NAME]`": settings.WatchSettings,
    "`[watches.NAME.decision]`": settings.DecisionSettings,
    "`[mqtt]`": settings.MqttSettings,
    "`[outbox]`": settings.OutboxSettings,
    "`[stats]`": settings.StatsSettings,
    "`[replay]`": settings.ReplaySettings,
    "`[collect]`": settings.CollectSettings,
}
_TYPES = {str: "string", int: "whole number", float: "number", bool: "true or false"}


def rows(kind: type[Any]) -> list[list[str]]:
    """Per key that has no table of its own: the key, its type and what is allowed, its default."""
    hints = get_type_hints(kind)
    return [
        [f"`{each.name}`", _allowed(hints[each.name], each), _default(each)]
        for each in fields(kind)
        if not is_dataclass(hints[each.name]) and each.name != "groups"
    ]


def _allowed(hint: Any, field: Field[Any]) -> str:
    rule: settings.Rule = field.metadata["rule"]
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    words = " or ".join(_type(option) for option in options if option is not types.NoneType)
    if rule.choices:
        choices = ", ".join(f"`{_toml(choice)}`" for choice in rule.choices)
        return f"{words} of {choices}" if "list" in words else choices
    if rule.says:
        return f"{words}: {rule.says}"
    if rule.low is not None and rule.high is not None:
        return f"{words}, {rule.low:g} to {rule.high:g}"
    return words if rule.low is None else f"{words}, {rule.low:g} or more"


def _type(option: Any) -> str:
    origin = get_origin(option)
    if origin is Sequence:
        return f"list of {_TYPES[get_args(option)[0]]}s"
    if origin is Mapping:
        of = get_args(option)[1]
        return "table" if of is Any else f"table of {_TYPES[of]}s"
    return _TYPES[option]


def _default(field: Field[Any]) -> str:
    if field.default is not MISSING:
        value = field.default
    elif field.default_factory is not MISSING:
        value = field.default_factory()
    else:
        return "required"
    if value is None:
        _, found, words = field.metadata["rule"].help.partition("default: ")
        return words if found else "not set"
    if isinstance(value, Mapping):
        return "not set"
    return f"`{_toml(value)}`"


def _toml(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value)
