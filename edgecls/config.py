"""Reads a TOML file into the settings: strictly, and with the place of whatever is wrong."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from edgecls.errors import ConfigError, ModelError
from edgecls.paths import beside
from edgecls.redaction import spoken
from edgecls.settings import (
    REGION,
    SLUG,
    Config,
    ModelSettings,
    MqttSettings,
    Rule,
    WatchSettings,
    is_region,
)

T = TypeVar("T")

_LARGEST = 1_000_000  # bytes of a file

RESERVED_WATCH_NAMES = frozenset(
    {"status", "info", "config", "health", "stats", "request", "response", "set"}
)
"""Words used directly under the base topic: a watch of that name would speak over them."""


def load(file: Path) -> Config:
    """The configuration in `file`. Raises ConfigError with file, table, key and what is allowed."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ConfigError(f"{file}: more than {_LARGEST} bytes are no configuration")
        text = content.decode("utf-8-sig")  # Windows puts a mark in front
    except FileNotFoundError:
        raise ConfigError(
            f"{file}: no such configuration file; name one with -c, or start from "
            "configs/edgecls.toml of the documentation"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    with naming(file):
        return parse(text, file.absolute().parent)


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Say which file is wrong, where only the table and the key, or the model, are known."""
    try:
        yield
    except (ConfigError, ModelError) as error:
        raise type(error)(f"{file}: {error}") from error


def parse(text: str, base: Path) -> Config:
    """The configuration in `text`, with relative paths beside `base`. Raises ConfigError."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers and tables that are too large
        raise ConfigError(f"not valid TOML: {error}") from error
    config = replace(_table(Config, document, ""), base=base)
    _check_names(config)
    for name, watch in config.watches.items():
        _check_watch(name, watch, config)
    for name, model in config.models.items():
        if (model.mean is None) != (model.std is None):
            raise ConfigError(f"[models.{name}] mean and std belong together: set both or neither")
    mqtt = None if config.mqtt is None else _checked_mqtt(config.mqtt, base)
    return replace(config, mqtt=mqtt)


def model_table(table: Any, place: str) -> ModelSettings:
    """A `[models.NAME]` that stands somewhere else, at `place`. Raises ConfigError."""
    return _table(ModelSettings, table, place)


def _table(kind: type[T], table: Any, place: str) -> T:
    """`table` as the dataclass `kind`: unknown keys, types and ranges checked."""
    if not isinstance(table, dict):
        raise ConfigError(f"[{place}] must be a table, not {_show(table)}")
    known = _keys(kind)  # type: ignore[arg-type]
    for name in table:
        if name not in known:
            raise ConfigError(f"{_at(place)}unknown key {name!r}{_meant(name, known)}")
    values: dict[str, Any] = {}
    for name, (field_, hint) in known.items():
        if name in table:
            values[name] = _value(hint, table[name], place, name, field_.metadata.get("rule"))
        elif field_.default is MISSING and field_.default_factory is MISSING:
            help_ = field_.metadata["rule"].help
            raise ConfigError(f"{_at(place)}the key {name!r} is missing ({help_})")
    return kind(**values)


@cache
def _keys(kind: type[Any]) -> dict[str, tuple[Field[Any], Any]]:
    hints = get_type_hints(kind)
    return {f.name: (f, hints[f.name]) for f in fields(kind) if f.name != "base"}


def _value(hint: Any, value: Any, place: str, name: str, rule: Rule | None) -> Any:
    inner = f"{place}.{name}" if place else name
    if is_dataclass(hint):
        return _table(hint, value, inner)  # type: ignore[arg-type]
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for option in options:
        if is_dataclass(option):
            return _table(option, value, inner)  # type: ignore[arg-type]
        if get_origin(option) is Mapping and isinstance(value, dict):
            of = get_args(option)[1]
            return {k: _value(of, v, inner, k, rule) for k, v in value.items()}
        if get_origin(option) is Sequence and isinstance(value, list):
            of = get_args(option)[0]
            return tuple(_value(of, v, place, name, rule) for v in value)
        if _fits(option, value):
            checked = _as_float(value) if option is float else value
            _check_rule(checked, place, name, rule)
            return checked
    allowed = " or ".join(_words(o) for o in options if o is not types.NoneType)
    raise ConfigError(f"{_at(place)}{name} must be {allowed}, not {_show(value)}")


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # TOML's whole numbers have no end; the rule refuses this one
        return math.inf


def _fits(option: Any, value: Any) -> bool:
    if option is Any:
        return True
    if isinstance(value, bool):
        return option is bool
    return option in (str, int, float) and isinstance(
        value, (int, float) if option is float else option
    )


def _check_rule(value: Any, place: str, name: str, rule: Rule | None) -> None:
    allowed = None if rule is None else rule.instead_of(value)
    if rule is not None and allowed is not None:
        near = _meant(value, [c for c in rule.choices if isinstance(c, str)])
        raise ConfigError(f"{_at(place)}{name} must be {allowed}, not {_show(value)}{near}")


def _check_names(config: Config) -> None:
    for table in ("cameras", "watches"):
        for name in getattr(config, table):
            if not re.fullmatch(SLUG, name):
                raise ConfigError(f"[{table}.{name}] a name is 1 to 40 of a-z, 0-9, _ and -")
    for name in config.watches:
        if name in RESERVED_WATCH_NAMES:
            raise ConfigError(f"[watches.{name}] this name is a topic of its own; choose another")
    if not config.cameras:
        raise ConfigError('no camera: add [cameras.porch] with source = "picamera2:0", for example')
    if not config.watches:
        raise ConfigError("no watch: add [watches.porch] with model = …, for example")


def _check_watch(name: str, watch: WatchSettings, config: Config) -> None:
    place = f"[watches.{name}]"
    cameras = ", ".join(config.cameras)
    if watch.camera is None and len(config.cameras) > 1:
        raise ConfigError(f"{place} which camera? Set camera to one of: {cameras}")
    if watch.camera is not None and watch.camera not in config.cameras:
        near = _meant(watch.camera, config.cameras).partition("; known")[0]
        raise ConfigError(f"{place} there is no camera {watch.camera!r}{near}; there is: {cameras}")
    if watch.region is not None and not is_region(watch.region):
        raise ConfigError(f"{place} region must be {REGION}, not {list(watch.region)}")
    agree, window = map(int, watch.decision.confirm.split(" of "))
    if agree > window:
        raise ConfigError(
            f'[watches.{name}.decision] confirm must be "K of N" with K <= N, '
            f'not "{watch.decision.confirm}"'
        )


def _checked_mqtt(mqtt: MqttSettings, base: Path) -> MqttSettings:
    urls = (mqtt.url,) if isinstance(mqtt.url, str) else tuple(mqtt.url)
    if not urls:
        raise ConfigError('[mqtt] url must name a broker, for example "mqtt://broker.local"')
    for url in urls:
        if "@" in url:
            raise ConfigError(
                "[mqtt] url must hold no password; put it in a password_file, and the name in "
                "username"
            )
    if (mqtt.cert_file is None) != (mqtt.key_file is None):
        raise ConfigError("[mqtt] cert_file and key_file belong together: set both or neither")

    def absolute(path: str | None) -> str | None:
        return None if path is None else str(beside(base, path))

    return replace(
        mqtt,
        url=urls,
        ca_file=absolute(mqtt.ca_file),
        cert_file=absolute(mqtt.cert_file),
        key_file=absolute(mqtt.key_file),
    )


def _at(place: str) -> str:
    return f"[{place}] " if place else ""


def _meant(name: object, known: Any) -> str:
    near = difflib.get_close_matches(str(name), [str(k) for k in known], 1, 0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return "; known: " + ", ".join(str(k) for k in known) if known else ""


_WORDS = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def _words(option: Any) -> str:
    origin = get_origin(option)
    if origin is Sequence:
        return f"a list of {_WORDS[get_args(option)[0]].removeprefix('a ')}s"
    return "a table" if origin is Mapping else _WORDS[option]


def _show(value: object) -> str:
    text = spoken(repr(value) if not isinstance(value, str) else f'"{value}"')
    text = {"True": "true", "False": "false"}.get(text, text)
    return text if len(text) <= 60 else text[:57] + "…"
