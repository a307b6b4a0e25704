"""docs/mqtt.md leaves nothing out that is published."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from edgecls.domain import EndReason, Reason
from tests.conftest import PROJECT
from tests.docs.pages import DOCS
from tests.schemas import shipped

PAGE = (DOCS / "mqtt.md").read_text()
CODE = "\n".join(file.read_text() for file in (PROJECT / "edgecls").rglob("*.py"))
STALLED = "camera_stalled"  # its text is put together by a function


def keys(schema: Any) -> Iterator[str]:
    """The keys that a schema describes, at any depth."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for inner in schema.values():
            yield from keys(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from keys(inner)


def reasons() -> set[str]:
    """What the code can say on `health`, without what stands behind a colon."""
    said = re.findall(r"health\.(?:fault|warning)\(([^,]+),", CODE)
    constants = dict(re.findall(r'^([A-Z_]+) = "([a-z_]+)"', CODE, re.MULTILINE))
    texts = {text.strip('f"').partition(":")[0] for text in said if '"' in text}
    return texts | {constants[text] for text in said if text.isupper()}


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_key_is_shown_or_told(name: str) -> None:
    missing = {key for key in keys(shipped()[name]) if not re.search(rf'[`"]{key}[`":]', PAGE)}
    assert missing == set()


def test_every_reason_of_health_is_told() -> None:
    health = PAGE.partition("### health")[2].partition("### stats")[0]
    told = set(re.findall(r"^\| `([a-z_]+)(?::<\w+>)?` \|", health, re.MULTILINE))
    assert told == reasons() | {STALLED}


def test_every_reason_of_a_verdict_and_of_an_end_is_told() -> None:
    decision = (DOCS / "decision.md").read_text()
    for reason in [*Reason, *EndReason]:
        assert f"`{reason}`" in decision
