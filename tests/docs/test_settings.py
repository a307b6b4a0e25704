"""docs/configuration.md names every key, with the type, range and default that the code has."""

from __future__ import annotations

import pytest

from tests.docs.pages import DOCS, blocks
from tests.docs.settings_table import TABLES, rows

PAGE = DOCS / "configuration.md"


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_stands_there_as_it_is_in_the_code(heading: str) -> None:
    (table,) = [b for b in blocks(PAGE) if b.heading == heading and b.language == "table"]
    header, *found = table.rows
    assert header == ["key", "takes", "default", "means"]
    assert [row[:3] for row in found] == rows(TABLES[heading])
    assert all(row[3] for row in found)


def test_no_table_is_forgotten() -> None:
    headings = {block.heading for block in blocks(PAGE)}
    assert {heading for heading in headings if heading.startswith("`[")} >= set(TABLES)
