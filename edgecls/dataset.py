"""Labelled pictures: a folder of folders, or a table of files and their labels."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgecls.errors import UsageError
from edgecls.pictures import SUFFIXES

_NUMBERS = ("index", "label_id")  # columns that number the class; they say more than its name does
_COLUMNS = (*_NUMBERS, "label")
_NAMED = 5  # so many kinds of files can be read in a sentence
_HIDDEN = (".", "@eaDir")  # the second by network disks, for thumbnails of their own
_SEEN = ".seen.png"  # beside a collected picture: what the model's input was


@dataclass(frozen=True, slots=True)
class Example:
    """A picture and what it shows: a label, a group, or a class by number ("#518").

    `also`: what else the table says of it, which must mean the same; `line`: where it says so.
    """

    file: Path
    label: str
    also: tuple[str, ...] = ()
    line: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Dataset:
    """The pictures, each once; `warnings`: sentences about what was left out; `empty`: the folders
    of labels without a picture."""

    examples: tuple[Example, ...]
    warnings: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()


def seen_beside(picture: Path) -> Path:
    """Where lies what a model's input was when this picture was collected, if anywhere."""
    return picture.with_name(picture.stem + _SEEN)


def read_dataset(data: Path) -> Dataset:
    """The pictures of a folder `label/image.jpg`, or of a CSV with the columns file,label or
    file,index (label_id means index).

    Files of a CSV are absolute, lie beside it, or in the folder of its name (`eval.csv`: `eval/`).
    Of a collected picture and what the model saw of it (`seen_beside`), only the first counts.
    Whether they can be read shows when they are. Raises UsageError where there are none, where one
    picture has two labels, or where a folder may not be looked into.
    """
    try:
        return _read(data)
    except OSError as error:
        raise UsageError(f"{error.filename or data}: cannot be read: {error.strerror}") from error


def _read(data: Path) -> Dataset:
    empty: tuple[str, ...] = ()
    if data.is_dir():
        passed = _passed_over(data)
        examples = tuple(_from_folders(data))
        full = {example.label for example in examples}
        empty = tuple(each.name for each in _folders(data) if each.name not in full)
        if not examples:
            raise UsageError(
                f"{data}: holds no folders with pictures; wanted is one folder for each label, "
                f"named as the label, with its pictures inside{'; ' if passed else ''}{passed}"
            )
    elif data.suffix.lower() in SUFFIXES and data.is_file():
        raise UsageError(f"{data}: is a picture; wanted is a folder of folders, or a CSV file")
    elif data.is_file():
        passed = ""
        examples = tuple(_without_seen(list(_from_table(data))))
        if not examples:
            raise UsageError(f"{data}: names no pictures")
    else:
        raise UsageError(f"{data}: there is no such folder or CSV file")
    once = tuple(_once(examples))
    repeated = len(examples) - len(once)
    warnings = [f"{data}: {passed}"] if passed else []
    if repeated:
        again = "picture occurs" if repeated == 1 else "pictures occur"
        warnings.append(f"{data}: {repeated} {again} more than once; each counts once")
    return Dataset(once, tuple(warnings), empty)


def _from_folders(data: Path) -> Iterator[Example]:
    for folder in _folders(data):
        for file in sorted(folder.iterdir()):
            if _is_picture(file):
                yield Example(file, folder.name)


def _folders(data: Path) -> list[Path]:
    return [f for f in sorted(data.iterdir()) if f.is_dir() and not f.name.startswith(_HIDDEN)]


def _is_picture(file: Path) -> bool:
    ours = not file.name.startswith(_HIDDEN) and not file.name.endswith(_SEEN)
    return file.suffix.lower() in SUFFIXES and ours


def _has_picture(seen: Path) -> bool:
    name = seen.name.removesuffix(_SEEN)
    return any(seen.with_name(name + suffix).exists() for suffix in SUFFIXES)


def _without_seen(examples: Sequence[Example]) -> Iterator[Example]:
    """A table made by listing the files of a folder names both."""
    beside = {seen_beside(example.file) for example in examples}
    return (example for example in examples if example.file not in beside)


def _passed_over(data: Path) -> str:
    """What is there and is no picture of a label; empty where there is no such thing."""
    kinds: Counter[str] = Counter()
    deeper = 0
    for path in (path for folder in _folders(data) for path in folder.iterdir()):
        if path.is_dir():
            deeper += not path.name.startswith(_HIDDEN)
        elif path.name.endswith(_SEEN):
            # Whoever takes a picture away need not know of what lies beside it.
            kinds[_SEEN + " without its picture"] += not _has_picture(path)
        elif not _is_picture(path) and not path.name.startswith(_HIDDEN):
            kinds[path.suffix.lower() or "without an ending"] += 1
    kinds = +kinds
    parts = [f"{count} {kind}" for kind, count in kinds.most_common(_NAMED)]
    parts += ["others"] * (len(kinds) > _NAMED)
    if deeper:
        parts.append(f"{deeper} folder{'s' * (deeper != 1)} inside those of the labels")
    if loose := sum(map(_is_picture, data.iterdir())):
        parts.append(f"{loose} picture{'s' * (loose != 1)} in no folder of a label")
    return f"passed over: {', '.join(parts)} (pictures are {', '.join(SUFFIXES)})" if parts else ""


def _from_table(table: Path) -> Iterator[Example]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            columns = _columns(table, rows.fieldnames or ())
            for row in rows:
                yield _example(table, rows.line_num, row, columns)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{table}: cannot be read as a CSV file: {error}") from error


def _columns(table: Path, names: Sequence[str]) -> list[str]:
    """The columns that say what is on a picture; the first one counts."""
    found = [name for name in _COLUMNS if name in names]
    if "file" not in names or not found:
        raise UsageError(
            f"{table}: has the columns {', '.join(names) or '(none)'}; "
            f"wanted are file,label or file,index{_hint(names)}"
        )
    return found


def _hint(names: Sequence[str]) -> str:
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        return "; put commas between them"
    meant = {name.strip().lower() for name in names}
    if "file" in meant and meant & set(_COLUMNS):
        return "; write them in small letters, without spaces"
    return ""


def _example(table: Path, line: int, row: dict[str, str | None], columns: list[str]) -> Example:
    name = row["file"]
    told = [_told(table, line, column, row[column]) for column in columns]
    if not name or not told[0]:
        raise UsageError(f"{table}, line {line}: has no {'file' if not name else columns[0]}")
    if "\0" in name:
        raise UsageError(f"{table}, line {line}: no file can be called {name!r}")
    return Example(_found(table, name), told[0], tuple(filter(None, told[1:])), line)


def _told(table: Path, line: int, column: str, text: str | None) -> str:
    """What a column says: a label as it stands, a number as "#518"; empty where nothing."""
    if not text or column not in _NUMBERS:
        return text or ""
    if not text.strip().isdecimal():
        raise UsageError(f"{table}, line {line}: {column} is no whole number: {text!r}")
    return f"#{int(text)}"


def _found(table: Path, name: str) -> Path:
    beside = table.parent / name
    inside = table.with_suffix("") / name
    return inside if not beside.exists() and inside.exists() else beside


def _once(examples: Sequence[Example]) -> Iterator[Example]:
    """Each picture once: a repeated one lies in what a model is tuned on and in what it is judged
    by. UsageError where it has another label the second time."""
    first: dict[str, Example] = {}
    for example, key in zip(examples, _keys([e.file for e in examples]), strict=True):
        known = first.setdefault(key, example)
        if known.label != example.label:
            same = "" if known.file == example.file else f" and {example.file}"
            raise UsageError(
                f"{known.file}{same}: one picture has the labels {known.label!r} and "
                f"{example.label!r}{_lines(known, example)}"
            )
        if known is example:
            yield example


def _lines(*examples: Example) -> str:
    lines = [str(example.line) for example in examples if example.line is not None]
    return f" (lines {' and '.join(lines)})" if lines else ""


def _keys(files: Iterable[Path]) -> Iterator[str]:
    """What is the same for files of the same bytes; only those of one size are read for it."""
    paths = [file.absolute() for file in files]
    sizes = {path: path.stat().st_size if path.is_file() else 0 for path in paths}
    shared = Counter(sizes.values())
    for path in paths:
        yield _checksum(path) if sizes[path] and shared[sizes[path]] > 1 else str(path)


def _checksum(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # shows when it is read
        return str(path)
