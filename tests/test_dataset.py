"""Labelled pictures come from a folder of folders or from a CSV file."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgecls.dataset import Example, read_dataset, seen_beside
from edgecls.errors import UsageError


def test_each_folder_is_a_label(tmp_path: Path) -> None:
    for name in ("dog/b.JPG", "dog/a.png", "dog/notes.txt", "cat/c.webp", ".trash/d.png", "e.png"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    assert read_dataset(tmp_path).examples == (
        Example(tmp_path / "cat/c.webp", "cat"),
        Example(tmp_path / "dog/a.png", "dog"),
        Example(tmp_path / "dog/b.JPG", "dog"),
    )


@pytest.mark.parametrize(
    ("text", "label", "also"),
    [
        ("file,label\nx.png,12 gauge shotgun\n", "12 gauge shotgun", ()),
        ("file,index\nx.png,12\n", "#12", ()),
        ("label,file,index\ndog,x.png,7\n", "#7", ("dog",)),
        ("\ufefffile,label_id,label\r\nx.png,262,keeshond\r\n", "#262", ("keeshond",)),
        ('file,label\nx.png,"fox, white"\n', "fox, white", ()),
    ],
)
def test_a_table_names_files_and_what_they_show(
    text: str, label: str, also: tuple[str, ...], tmp_path: Path
) -> None:
    table = tmp_path / "some.csv"
    table.write_text(text)
    assert read_dataset(table).examples == (Example(tmp_path / "x.png", label, also),)


def test_files_of_a_table_are_absolute_beside_it_or_in_the_folder_of_its_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "some").mkdir()
    for name in ("a.png", "some/b.png", "c.png", "some/c.png"):
        (tmp_path / name).touch()
    table = tmp_path / "some.csv"
    table.write_text("file,label\na.png,x\nb.png,x\nc.png,x\n/elsewhere/d.png,x\n")
    assert [example.file for example in read_dataset(table).examples] == [
        tmp_path / "a.png",
        tmp_path / "some/b.png",
        tmp_path / "c.png",
        Path("/elsewhere/d.png"),
    ]


def test_the_photos_of_the_data_are_all_found(data: Path) -> None:
    examples = read_dataset(data / "images/eval.csv").examples
    assert len(examples) == 720
    assert all(example.file.is_file() for example in examples)
    assert examples[0].label == "#262"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"has the columns \(none\); wanted are file,label or file,index"),
        ("name,label\nx,y\n", "has the columns name, label; wanted are"),
        ("file;label\nx;y\n", "file,index; put commas between them"),
        ("File, Label\nx,y\n", "file,index; write them in small letters, without spaces"),
        ("file,label\n", "names no pictures"),
        ("file,label\nx.png\n", "line 2: has no label"),
        ("file,label\n,dog\n", "line 2: has no file"),
        ("file,index\nx.png,one\n", "line 2: index is no whole number: 'one'"),
        ("file,index\nx.png,-1\n", "line 2: index is no whole number: '-1'"),
        ("file,label\nx.png,\xff\n", "cannot be read as a CSV file"),
    ],
)
def test_what_is_wrong_with_a_table_is_told(text: str, sentence: str, tmp_path: Path) -> None:
    table = tmp_path / "some.csv"
    table.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=sentence):
        read_dataset(table)


def test_a_folder_without_labels_and_a_file_that_is_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.png").touch()
    with pytest.raises(UsageError, match="holds no folders with pictures"):
        read_dataset(tmp_path)
    with pytest.raises(UsageError, match="there is no such folder or CSV file"):
        read_dataset(tmp_path / "nowhere")


def test_what_is_passed_over_is_counted(tmp_path: Path) -> None:
    for name in (
        *("dog/a.png", "dog/b.HEIC", "dog/c.heic", "dog/d.gif", "dog/2024/e.png", "f.jpg"),
        *("@eaDir/a.png", "dog/@eaDir/a.png", ".thumbnails/a.png"),
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = read_dataset(tmp_path)
    assert [example.file.name for example in found.examples] == ["a.png"]
    (warning,) = found.warnings
    assert "passed over: 2 .heic, 1 .gif, 1 folder inside" in warning
    assert "1 picture in no folder of a label" in warning
    (tmp_path / "dog/a.png").unlink()
    with pytest.raises(UsageError, match=r"passed over: 2 \.heic"):
        read_dataset(tmp_path)


def test_a_picture_counts_once(tmp_path: Path) -> None:
    for name, content in (("a.png", b"one"), ("b.png", b"two"), ("copy of a.png", b"one")):
        (tmp_path / name).write_bytes(content)
    table = tmp_path / "some.csv"
    table.write_text("file,label\na.png,x\nb.png,x\na.png,x\ncopy of a.png,x\ngone,x\ngone,x\n")
    found = read_dataset(table)
    assert [example.file.name for example in found.examples] == ["a.png", "b.png", "gone"]
    assert found.warnings == (f"{table}: 3 pictures occur more than once; each counts once",)


@pytest.mark.parametrize("again", ["a.png", "copy.png"])
def test_a_picture_of_two_labels_is_refused(again: str, tmp_path: Path) -> None:
    for name in ("a.png", "copy.png"):
        (tmp_path / name).write_bytes(b"one")
    table = tmp_path / "some.csv"
    table.write_text(f"file,label\na.png,x\n{again},y\n")
    with pytest.raises(UsageError, match=r"the labels 'x' and 'y' \(lines 2 and 3\)"):
        read_dataset(table)


def test_a_picture_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").touch()
    with pytest.raises(UsageError, match="is a picture; wanted is a folder of folders"):
        read_dataset(tmp_path / "x.jpg")


def test_what_the_model_saw_of_a_collected_picture_is_no_picture_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    for name in ("1.jpg", "1.seen.png", "2.seen.png"):
        (tmp_path / "open" / name).write_bytes(name.encode())
    found = read_dataset(tmp_path)
    assert found.examples == (Example(tmp_path / "open/1.jpg", "open"),)
    assert seen_beside(found.examples[0].file) == tmp_path / "open/1.seen.png"
    (warning,) = found.warnings
    assert "passed over: 1 .seen.png without its picture" in warning


def test_a_table_may_name_what_the_model_saw_but_not_beside_its_picture(tmp_path: Path) -> None:
    table = tmp_path / "some.csv"
    table.write_text("file,label\n1.jpg,open\n1.seen.png,open\n2.seen.png,open\n")
    found = [example.file.name for example in read_dataset(table).examples]
    assert found == ["1.jpg", "2.seen.png"]


def test_a_folder_that_may_not_be_looked_into_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> Iterator[Path]:  # to root, no folder is closed
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UsageError) as caught:
        read_dataset(tmp_path)
    assert str(caught.value) == f"{tmp_path}: cannot be read: Permission denied"


def test_a_name_that_no_file_can_have_is_told_with_its_line(tmp_path: Path) -> None:
    table = tmp_path / "some.csv"
    table.write_bytes(b"file,label\na\0b.jpg,dog\n")
    with pytest.raises(UsageError, match="line 2: no file can be called"):
        read_dataset(table)
