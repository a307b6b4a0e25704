"""Which models are pulled, and where they go."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path

from edgecls.catalogue import SYSTEM_MODELS, Entry, entries, installed, is_closed, user_models
from edgecls.errors import ModelError
from edgecls.settings import Config, ModelSettings


def chosen(names: Iterable[str], *, pairs: bool) -> list[Entry]:
    """The entries of these names; with the CPU builds of what is compiled for the Edge TPU.

    Raises ModelError for a name that the catalogue does not have.
    """
    wanted: dict[str, Entry] = {}
    for name in names:
        entry = entries().get(name.removesuffix(".tflite"))
        if entry is None:
            near = difflib.get_close_matches(name, entries(), 1)
            meant = f"; did you mean {near[0]!r}?" if near else "; see `edgecls models list`"
            raise ModelError(f"the catalogue has no model {name[:200]!r}{meant}")
        wanted[entry.name] = entry
        if pairs and entry.cpu is not None:
            wanted[entry.cpu] = entries()[entry.cpu]
    return list(wanted.values())


def missing(config: Config) -> list[str]:
    """The models of the catalogue that a configuration needs and that are not installed."""
    there = installed()
    named: list[str | None] = []
    for watch in config.watches.values():
        model = config.models.get(watch.model) or ModelSettings(file=watch.model)
        fallback = config.models.get(model.fallback or "")
        named += [model.file, fallback.file if fallback else model.fallback]
    lacking = [name for name in named if name in entries() and name not in there]
    return list(dict.fromkeys(lacking))  # type: ignore[arg-type]


def destination() -> Path:
    """Where models go: to the system's where we may write there, else to the user's own."""
    if is_closed(SYSTEM_MODELS):
        return user_models() or SYSTEM_MODELS
    there = next(folder for folder in (SYSTEM_MODELS, *SYSTEM_MODELS.parents) if folder.exists())
    return SYSTEM_MODELS if os.access(there, os.W_OK) else user_models() or SYSTEM_MODELS
