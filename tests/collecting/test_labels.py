"""What becomes the name of a folder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.collecting.labels import MOST_BYTES, clash, is_label


@pytest.mark.parametrize("label", ["open", "none", "Tür offen", "bin out", "a.b", "a-b", "ß" * 50])
def test_a_label_is_what_a_person_would_call_a_thing(label: str) -> None:
    assert is_label(label)


@pytest.mark.parametrize(
    "label",
    [
        "", " ", ".", "..", "../x", "a/b", "/etc", "a\\b", ".hidden", "-", "-rf", " open", "open ",
        "a\nb", "a\0b", "\x1b[2J", "a\u202eb", "\ud800", "x" * 101, "ß" * 51,
    ],
)  # fmt: skip
def test_what_leads_elsewhere_hides_or_does_not_fit_is_none(label: str) -> None:
    assert not is_label(label)


@given(st.text(max_size=120))
def test_a_label_is_one_step_down_on_every_system(label: str) -> None:
    if is_label(label):
        assert not {"/", "\\", "\0"} & set(label)
        assert label not in {"", ".", ".."}
        assert len(label.encode()) <= MOST_BYTES


@pytest.mark.parametrize(
    ("labels", "differ"),
    [
        (["none", "None"], "capitals or blanks"),
        (["a", "gate open", "b", "gate  open"], "capitals or blanks"),
        (["Tu\u0308r", "T\u00fcr"], "how their accents are stored"),
        (["open", "closed", "open"], None),
    ],
)
def test_labels_that_a_person_takes_for_one_clash(labels: list[str], differ: str | None) -> None:
    assert (clash(labels) is None) == (differ is None)
    assert (differ or "") in (clash(labels) or "")
