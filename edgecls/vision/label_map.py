"""Label files: which class has which name.

A file is read by the first of these rules that fits; `classes` is what the model has.

1. `.csv`: a table with a header; the column `label` names the classes in their order.
2. Indexed ("0  person", "12: dog"): EVERY line is a whole number, blanks or a colon, and a name;
   the numbers rise strictly from 0, the last one is the model's last class, and more than half of
   the names differ. Classes without a line are called "class N". So "12 gauge shotgun" among other
   names, names that are numbers ("0", "1"), angles ("0 degrees" to "270 degrees") and counts
   ("0 fingers", "1 finger", "2 fingers", "3 fingers") make no indexed file.
3. Plain: each line names one class, in order. An empty line holds its place ("class N"), except at
   the end of the file. LF, CR LF and CR end a line; a UTF-8 byte order mark is skipped.

Labels are at most 200 characters; control characters are removed.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from edgecls.errors import ModelError

MAX_LABEL = 200
_MAX_BYTES = 10 << 20
_INDEXED = re.compile(r"\s*([0-9]{1,9})(?:\s*:\s*|\s+)(\S.*)")


def read_names(path: Path, classes: int) -> list[str]:
    """The names in a label file, as they stand there; ModelError where it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such label file") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot read the labels: {error.strerror}") from error
    if len(content) > _MAX_BYTES:
        raise ModelError(f"{path}: is too large for a label file (limit 10 MB)")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: the labels are no UTF-8 text; save the file as UTF-8") from error
    return _from_csv(path, text) if path.suffix.lower() == ".csv" else parse_names(text, classes)


def parse_names(text: str, classes: int) -> list[str]:
    """The names in a text of the indexed or the plain form."""
    lines = plain_lines(text)
    return _from_indexed(lines, classes) or lines


def plain_lines(text: str) -> list[str]:
    """One name for each line, without empty lines at the end."""
    # Not splitlines(): it also splits at control characters, and every class behind would shift.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def fitted(names: Sequence[str], classes: int, model: str, where: str) -> tuple[str, ...]:
    """Clean labels, as many as the model has classes; ModelError says both numbers otherwise."""
    if len(names) != classes:
        raise ModelError(
            f"{where}: has {len(names)} labels, but {model} has {classes} classes"
            + _likely_cause(names, classes)
        )
    return tuple(clean(name) or f"class {index}" for index, name in enumerate(names))


def numbered(classes: int) -> tuple[str, ...]:
    """The labels of a model that has none: "class 0", "class 1", and so on."""
    return tuple(f"class {index}" for index in range(classes))


def clean(name: str) -> str:
    """A label without control characters, at most 200 characters long."""
    spaced = name.replace("\t", " ").replace("\xa0", " ")
    return "".join(character for character in spaced if character.isprintable()).strip()[:MAX_LABEL]


def _from_indexed(lines: Sequence[str], classes: int) -> list[str] | None:
    matches = [_INDEXED.fullmatch(line) for line in lines]
    found = [(int(match[1]), match[2]) for match in matches if match is not None]
    if not found or len(found) != len(lines):
        return None
    numbers = [number for number, _ in found]
    rising = all(former < latter for former, latter in pairwise(numbers))
    if numbers[0] != 0 or not rising or numbers[-1] != classes - 1:
        return None
    if len({name for _, name in found}) * 2 <= len(found):
        return None
    names = [""] * classes
    for number, name in found:
        names[number] = name
    return names


def _from_csv(path: Path, text: str) -> list[str]:
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        return [row["label"] or "" for row in rows]
    except (csv.Error, KeyError) as error:
        raise ModelError(f'{path}: a .csv of labels needs a column "label"') from error


def _likely_cause(names: Sequence[str], classes: int) -> str:
    first = names[0].strip().lower().split(" ")[-1] if names else ""
    if len(names) == classes + 1 and first == "background":
        return "; the model has no class for the background: remove the first line"
    if len(names) == classes - 1 and first != "background":
        return '; probably its class 0 is the background: put a line "background" first'
    blank = sum(not name.strip() for name in names)
    return f"; {blank} of its lines are empty" if blank else ""
