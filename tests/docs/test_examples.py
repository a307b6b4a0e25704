"""Every example of docs/ is true: files load, payloads are as described, commands and programs run,
and the decision says what its tables say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.brokers import Mosquitto
from tests.docs.pages import DOCS, PAGES, Block, blocks, every
from tests.docs.sandbox import Sandbox
from tests.docs.stories import told
from tests.docs.toml import config_of
from tests.schemas import problems

TRIED = {"toml", "json", "console", "python"}
# What is no example: outlines, and files for programs that the recipes' own tests run.
LEFT = {"text", "table"}

STORIES = [block for block in every("table") if block.told("decision") is not None]
RUNNING = [page for page in PAGES if {b.language for b in blocks(page)} & {"console", "python"}]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_block_is_forgotten(page: Path) -> None:
    assert {block.language for block in blocks(page)} <= TRIED | LEFT


@pytest.mark.parametrize("block", every("toml"), ids=str)
def test_a_configuration_loads(block: Block) -> None:
    config_of(block.text)


@pytest.mark.parametrize("block", every("json"), ids=str)
def test_a_payload_is_as_its_schema_says(block: Block) -> None:
    name = block.told("schema")
    assert name is not None, f"{block}: of which topic is it?"
    assert problems(name, json.loads(block.text)) == []


@pytest.mark.parametrize("block", STORIES, ids=str)
def test_the_decision_says_what_the_table_says(block: Block) -> None:
    assert told(block) == block.rows[1:]


@pytest.mark.parametrize("page", RUNNING, ids=lambda page: page.name)
def test_the_commands_and_programs_of_a_page_run(
    page: Path, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    with Sandbox(tmp_path, mosquitto.port) as sandbox:
        for block in blocks(page):
            if (name := block.told("file")) is not None:
                sandbox.put(name, block.text)
            if block.language in ("console", "python"):
                sandbox.run(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)(#[^)]*)?\)", page.read_text()):
        file = (page.parent / target) if target else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in _anchors(file), f"{page.name}: {target}{anchor}"


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text()
    others = [page for page in PAGES if page != DOCS / "README.md"]
    assert [page for page in others if f"({page.relative_to(DOCS)})" not in index] == []


def _anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {"#" + heading.replace(" ", "-") for heading in plain}
