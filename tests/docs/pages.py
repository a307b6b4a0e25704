"""The pages of docs/ taken apart: fenced blocks and tables, with the comment that stands before.

A comment on the line before a block says how it is tested; readers do not see it:
`<!-- schema: event -->` a payload of that topic, `<!-- file: porch.toml -->` a file for the
commands of the page, `<!-- keep running -->` goes on until the end of the page,
`<!-- until: text -->` ends when it has written that, `<!-- decision -->` a table of frames.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import PROJECT

DOCS = PROJECT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
_COMMENT = re.compile(r"<!-- (.+) -->")
_HEADING = re.compile(r"(#+) (.+)")


@dataclass(frozen=True)
class Block:
    """A fenced block (`language` as it is written there) or a table (`language` is "table")."""

    page: str
    line: int
    heading: str
    language: str
    text: str
    said: str = ""  # the comment before it

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def told(self, key: str) -> str | None:
        """What the comment says after `key:`; "" where it is `key` alone, None where it is not."""
        name, _, value = self.said.partition(": ")
        return value if name == key else None

    @property
    def rows(self) -> list[list[str]]:
        """The cells of a table, its header first, without the line below it."""
        lines = [line for line in self.text.splitlines() if not re.fullmatch(r"[|: -]+", line)]
        return [
            [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in lines
        ]


def blocks(page: Path) -> list[Block]:
    """All of a page, in order."""
    return list(_blocks(str(page.relative_to(DOCS)), page.read_text().splitlines()))


def every(language: str) -> list[Block]:
    """The blocks of one language of all pages."""
    return [block for page in PAGES for block in blocks(page) if block.language == language]


def _blocks(name: str, lines: list[str]) -> Iterator[Block]:
    said = heading = ""
    at = 0
    while at < len(lines):
        start, line = at, lines[at]
        at += 1
        if line.startswith("```"):
            at = lines.index("```", at)
            text = "\n".join(lines[start + 1 : at])
            yield Block(name, start + 1, heading, line[3:], text, said)
            at += 1
        elif line.startswith("|"):
            while at < len(lines) and lines[at].startswith("|"):
                at += 1
            yield Block(name, start + 1, heading, "table", "\n".join(lines[start:at]), said)
        elif found := _HEADING.fullmatch(line):
            heading = found[2]
        comment = _COMMENT.fullmatch(line)
        said = comment[1] if comment else ""
