"""Which labels of a dataset can be classes of a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecls.dataset import read_dataset
from edgecls.errors import UsageError
from edgecls.teaching.labels import Labelled, labelled


def of_table(tmp_path: Path, text: str) -> Labelled:
    table = tmp_path / "x.csv"
    table.write_text(text)
    return labelled(read_dataset(table), table)


def test_labels_are_in_alphabetical_order(tmp_path: Path) -> None:
    found = of_table(tmp_path, "file,label\na,open\nb,closed\nc,open\nd,closed\n")
    assert found.labels == ("closed", "open")
    assert found.classes == (1, 0, 1, 0)
    assert [file.name for file in found.files] == ["a", "b", "c", "d"]


def test_a_table_that_numbers_and_names_its_classes_is_taken_by_the_names(tmp_path: Path) -> None:
    rows = "a,262,keeshond\nb,262,keeshond\nc,280,fox\nd,280,fox\n"
    assert of_table(tmp_path, f"file,label_id,label\n{rows}").labels == ("fox", "keeshond")


def test_labels_are_taken_as_they_stand(tmp_path: Path) -> None:
    odd = ["#1 fox", "0", "a*b", "12 gauge shotgun"]
    rows = "".join(f"{label}{n},{label}\n" for label in odd for n in range(2))
    assert of_table(tmp_path, f"file,label\n{rows}").labels == tuple(sorted(odd))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("file,index\na,1\nb,2\n", "numbers the classes of another model"),
        (f"file,label\na,{'x' * 201}\nb,y\n", "is too long"),
        ("file,label\na,gate  open\nb,gate open\n", "differ in capitals or blanks alone"),
        ("file,label\na,f\u00fcr\nb,fu\u0308r\n", "in how their accents are stored alone"),
        ("file,label\na,\u200b\nb,y\n", "give it another name"),
        ("file,label\na,none\nb,none\n", "wanted is at least one label of something"),
        ("file,label\na,none\nb,background\n", r"nothing is there \(background, none\)"),
        ("file,label\na,open\nb,open\n", "all pictures have the label 'open'"),
        ("file,label\na,open\nb,open\nc,shut\n", "has a single picture of 'shut'"),
    ],
)
def test_what_cannot_be_taught_is_told(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=sentence):
        of_table(tmp_path, text)


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    for name in ("open/a.jpg", "open/b.jpg", "shut/c.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    with pytest.raises(UsageError, match="no pictures in the folder 'shut'"):
        labelled(read_dataset(tmp_path), tmp_path)
