"""The TOML of the pages: whole files, and pieces of one."""

from __future__ import annotations

import tomllib
from pathlib import Path

from edgecls.config import parse
from edgecls.settings import Config
from tests.docs.pages import Block, blocks

_CAMERA = '[cameras.porch]\nsource = "demo:"\n'
_WATCH = '[watches.porch]\nmodel = "camera_health_v1"\n'


def config_of(text: str) -> Config:
    """A piece of a configuration as a whole one. Raises ConfigError."""
    told = tomllib.loads(text)
    if not any("model" in watch for watch in told.get("watches", {}).values()):
        text = _WATCH + text.replace("[watches.porch]\n", "")
    if "cameras" not in told:
        text = _CAMERA + text
    return parse(text, Path("/etc/edgecls"))


def config_for(block: Block, page: Path) -> Config:
    """The settings that stand before a block under the same heading; else the defaults."""
    before = [
        other.text
        for other in blocks(page)
        if other.language == "toml" and other.heading == block.heading and other.line < block.line
    ]
    return config_of(before[-1] if before else "")
