"""Label files in every form."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecls.errors import ModelError
from edgecls.vision.label_map import clean, fitted, numbered, parse_names, read_names

FORMS = [
    ("cifar10_labels.txt", 10, {0: "airplane", 9: "truck"}),
    ("coco_labels_indexed.txt", 90, {0: "person", 64: "bed", 65: "", 89: "toothbrush"}),
    ("digits_labels.txt", 10, {0: "0", 7: "7", 9: "9"}),
    ("ei_mask_labels.txt", 2, {0: "face", 1: "mask"}),
    ("ei_weather_labels.txt", 5, {0: "cloudy", 3: "shine", 4: "sunrise"}),
    ("flowers_labels.txt", 5, {3: "sunflowers"}),
    ("imagenet_labels.txt", 1001, {0: "background", 135: "crane", 518: "crane"}),
    ("imagenet_labels_1000.txt", 1000, {0: "tench, Tinca tinca", 134: "crane"}),
    ("imagenet_labels_indexed.txt", 1001, {0: "background", 1: "tench, Tinca tinca"}),
    ("imagenet_synsets.csv", 1001, {0: "background", 1: "tench, Tinca tinca"}),
    ("inat_bird_labels.txt", 965, {964: "background"}),
    ("labels_1001_short.txt", 1001, {0: "background", 1: "tench"}),
    ("person_detect_labels.txt", 2, {0: "notperson", 1: "person"}),
    ("tm_fruit_labels.txt", 2, {0: "good", 1: "bad"}),
    ("vww_labels.txt", 2, {0: "non_person", 1: "person"}),
]


@pytest.mark.parametrize(("name", "classes", "some"), FORMS)
def test_every_file_of_the_data_is_read(
    data: Path, name: str, classes: int, some: dict[int, str]
) -> None:
    names = read_names(data / "labels" / name, classes)
    assert len(names) == classes
    assert {index: names[index].strip() for index in some} == some


def test_no_file_of_the_data_was_forgotten(data: Path) -> None:
    assert {path.name for path in (data / "labels").iterdir()} == {name for name, _, _ in FORMS}


@pytest.mark.parametrize(
    "lines",
    [
        ["12 gauge shotgun", "24 carat gold"],
        ["12 gauge shotgun", "cat"],
        ["0 degrees", "90 degrees", "180 degrees", "270 degrees"],
        ["0 fingers", "1 finger", "2 fingers", "3 fingers", "4 fingers"],
        ["1 cent", "2 cent", "5 cent"],
        ["0", "1", "2"],
        ["3 wise men", "1 horse"],
        ["0 cat", "dog"],
    ],
)
def test_numbers_in_names_make_no_indexed_file(lines: list[str]) -> None:
    assert parse_names("\n".join(lines), len(lines)) == lines


def test_an_indexed_file_may_have_gaps_colons_and_blanks() -> None:
    assert parse_names("0: cat\n  2  12 gauge shotgun\n", 3) == ["cat", "", "12 gauge shotgun"]


@pytest.mark.parametrize("text", ["a\nb", "a\nb\n", "a\r\nb\r\n", "a\rb", "a\nb\n\n \n"])
def test_line_ends_and_empty_lines_at_the_end_do_not_count(text: str) -> None:
    assert parse_names(text, 2) == ["a", "b"]


def test_a_control_character_does_not_shift_the_classes() -> None:
    assert fitted(parse_names("a\x0bx\nb\x85\n\x1bc\n", 3), 3, "m", "f") == ("ax", "b", "c")


def test_an_empty_line_holds_its_place() -> None:
    assert fitted(parse_names("a\n\nc\n", 3), 3, "m", "f") == ("a", "class 1", "c")


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_bytes(b"\xef\xbb\xbfcat\r\nH\xc3\xbchner")
    assert read_names(tmp_path / "l.txt", 2) == ["cat", "Hühner"]


def test_labels_are_cut_to_200_characters_and_lose_control_characters() -> None:
    assert clean("x" * 300) == "x" * 200
    assert clean(" \x1b[31mred\x07\tcat\u202e ") == "[31mred cat"


def test_a_model_without_labels_has_numbers() -> None:
    assert numbered(2) == ("class 0", "class 1")


def test_a_wrong_number_says_both_and_the_likely_cause() -> None:
    with pytest.raises(ModelError, match=r"has 1000 labels, but m has 1001 classes.*background"):
        fitted(["x"] * 1000, 1001, "m", "f")
    with pytest.raises(ModelError, match=r"1001 labels, but m has 1000 classes.*remove the first"):
        fitted(["0  background", *["x"] * 1000], 1000, "m", "f")
    with pytest.raises(ModelError, match=r"has 3 labels, but m has 5 classes; 1 of its lines"):
        fitted(["a", "", "b"], 5, "m", "f")


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such label file"):
        read_names(tmp_path / "none.txt", 2)
    (tmp_path / "latin.txt").write_bytes("Hühner\nGänse".encode("latin-1"))
    with pytest.raises(ModelError, match="UTF-8"):
        read_names(tmp_path / "latin.txt", 2)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ModelError, match='needs a column "label"'):
        read_names(tmp_path / "x.csv", 1)
