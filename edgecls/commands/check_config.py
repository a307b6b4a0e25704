"""`edgecls check-config`: everything that would stop the start, without starting."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from edgecls import logs
from edgecls.checking import check, running_otherwise
from edgecls.commands.service_state import look_where_the_service_does
from edgecls.config import load, naming
from edgecls.settings import Config
from edgecls.sources import spoken


def run(options: argparse.Namespace) -> int:
    """Exit status 0, or 78 by ConfigError or ModelError."""
    look_where_the_service_does(options.config)
    config = load(options.config)
    with naming(options.config):
        config, warnings = check(config)
        warnings += [f"watch {name}: {told}" for name, told in running_otherwise(config).items()]
    for warning in warnings:
        logs.tell(f"edgecls check-config: warning: {warning}", level=logging.WARNING)
    if options.show:
        sys.stdout.write("\n".join(_as_toml(config)) + "\n")
    else:
        cameras, watches = len(config.cameras), len(config.watches)
        fine = f"{options.config}: fine ({cameras} cameras, {watches} watches)"
        logs.tell(fine, level=logging.INFO)
    return 0


def _as_toml(config: Config) -> Iterator[str]:
    """The effective configuration. Secrets are not in it: it only names their files."""
    yield from _table("", {f.name: getattr(config, f.name) for f in fields(config)})


def _table(place: str, table: Mapping[str, Any]) -> Iterator[str]:
    tables = {}
    for key, value in table.items():
        if key == "base" or value is None:
            continue
        if is_dataclass(value) and not isinstance(value, type):
            tables[key] = {f.name: getattr(value, f.name) for f in fields(value)}
        elif isinstance(value, Mapping):
            tables[key] = dict(value)
        else:
            told = spoken(value) if key == "source" else value  # without its login
            yield f"{_key(key)} = {_value(told)}"
    for key, inner in tables.items():
        name = f"{place}.{_key(key)}" if place else _key(key)
        if inner:
            yield ""
            yield f"[{name}]"
            yield from _table(name, inner)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    # TOML's basic strings, numbers and booleans are written as JSON writes them.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
