from __future__ import annotations

import pytest

from edgecls.decision.patterns import matching
from edgecls.errors import ConfigError

LABELS = ("background", "12 gauge shotgun", "tabby cat", "Egyptian cat", "crane", "crane", "#2")


@pytest.mark.parametrize(
    ("pattern", "classes"),
    [
        ("#1", (1,)),
        ("#1-3", (1, 2, 3)),
        ("tabby cat", (2,)),
        ("crane", (4, 5)),
        ("* cat", (2, 3)),
        ("*g*", (0, 1, 3)),
        ("*", (0, 1, 2, 3, 4, 5, 6)),
    ],
)
def test_a_pattern_is_a_label_a_number_a_range_or_a_wildcard(
    pattern: str, classes: tuple[int, ...]
) -> None:
    assert matching(pattern, LABELS, "") == classes


def test_an_exact_label_wins_over_what_it_looks_like() -> None:
    assert matching("#2", LABELS, "") == (6,)
    assert matching("*cat*", ("cat", "*cat*"), "") == (1,)


def test_only_the_star_is_a_wildcard() -> None:
    with pytest.raises(ConfigError):
        matching("?abby cat*", LABELS, "")


def test_a_label_that_begins_with_a_number_is_no_index() -> None:
    with pytest.raises(ConfigError, match="no class"):
        matching("12", LABELS, "")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("tabby cta", 'did you mean "tabby cat"'),
        ("egyptian cat", 'did you mean "Egyptian cat"'),
        ("CRANE", 'did you mean "crane"'),
        ("*tiger*", "no class of the model matches"),
        ("#7", "#0 to #6"),
        ("#5-7", "#0 to #6"),
        ("#3-1", 'write "#1-3"'),
        ("#", "no class of the model matches"),
        ("#99999999999999999999", "no class of the model matches"),
    ],
)
def test_a_pattern_without_a_class_is_refused_with_its_place(pattern: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        matching(pattern, LABELS, "[watches.porch.groups] cat: ")
    assert words in str(refused.value)
    assert str(refused.value).startswith("[watches.porch.groups] cat: ")
