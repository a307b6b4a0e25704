"""Which labels can be the names of folders: they come from a command line, or from strangers."""

from __future__ import annotations

MOST_BYTES = 100  # as UTF-8; a file name may have 255

ALLOWED = (
    f"it becomes the name of a folder, so 1 to {MOST_BYTES} bytes, neither / nor \\, "
    "no control characters, neither . nor - in front, no space in front or behind"
)


def is_label(text: str) -> bool:
    """Whether a label can be the name of a folder, on any disk that it may be copied to."""
    # A folder "-rf" would be an option of `rm *`.
    bare = text == text.strip() and text.isprintable() and not text.startswith((".", "-"))
    short = 1 <= len(text.encode(errors="replace")) <= MOST_BYTES
    return bare and short and not {"/", "\\"} & set(text)
