"""Which labels can be the names of folders: they come from a command line, or from strangers."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

MOST_BYTES = 100  # as UTF-8; a file name may have 255

ALLOWED = (
    f"it becomes the name of a folder, so 1 to {MOST_BYTES} bytes, neither / nor \\, "
    "no control characters, neither . nor - in front, no space in front or behind"
)


def is_label(text: str) -> bool:
    """Whether a label can be the name of a folder, and of nothing else on the way to it."""
    # A folder "-rf" would be an option of `rm *`.
    bare = text == text.strip() and text.isprintable() and not text.startswith((".", "-"))
    short = 1 <= len(text.encode(errors="replace")) <= MOST_BYTES
    return bare and short and not {"/", "\\"} & set(text)


def clash(labels: Iterable[str]) -> str | None:
    """What is wrong with labels that a person takes for one, as a sentence; None where no two are
    one, written in two ways."""
    known: dict[str, str] = {}
    for label in labels:
        # On a Mac, folders have their umlauts in two characters.
        plain = unicodedata.normalize("NFKC", label).casefold()
        other = known.setdefault(" ".join(plain.split()), label)
        if other != label:
            one, two = (unicodedata.normalize("NFC", each) for each in (other, label))
            what = "capitals or blanks" if one != two else "how their accents are stored"
            return f"the labels {other!r} and {label!r} differ in {what} alone; give both one name"
    return None
