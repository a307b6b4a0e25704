"""Where a taught model comes from: written into the file by `edgecls teach`, read for `info`.

It is JSON in one of the model's metadata buffers. Nothing here makes a model unusable: what is
foreign or damaged counts as none.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgecls.vision.flatbuffer import DamagedError, Flat
from edgecls.vision.label_map import clean

BUFFER_NAME = "EDGECLS_ORIGIN"

_VERSION = 1
_MAX_BYTES = 1 << 20  # a thousand long labels take less
_MAX_LABELS = 10_000
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Origin:
    """What a taught model was made of. `accuracy` is that on held-out pictures, in [0, 1], with the
    ends of its 95 % interval; None where it was not measured."""

    parent: str  # the base's name
    parent_sha256: str  # of the base's file
    taught_at: str  # UTC, such as "2026-11-21T16:15:00Z"
    pictures: Mapping[str, int]  # how many, by label
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    edgecls: str = ""  # the version that taught it

    @property
    def right(self) -> str | None:
        """How many held-out pictures were judged right, for a person: "97 % (89 to 99)"."""
        if self.accuracy is None or self.accuracy_low is None or self.accuracy_high is None:
            return None
        low, high = 100 * self.accuracy_low, 100 * self.accuracy_high
        return f"{100 * self.accuracy:.0f} % ({low:.0f} to {high:.0f})"


def write_provenance(origin: Origin) -> bytes:
    """The content of the buffer BUFFER_NAME."""
    said = {"version": _VERSION, **asdict(origin)}
    return json.dumps(said, allow_nan=False, ensure_ascii=False).encode("utf-8", "replace")


def read_provenance(content: bytes) -> Origin | None:
    """What a `.tflite` file says of its origin; None where it says nothing that can be read."""
    try:
        text = _buffer(content)
        return None if text is None else _origin(json.loads(text))
    except (DamagedError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _buffer(content: bytes) -> bytes | None:
    model = Flat(content).root(b"TFL3")
    buffers = model.tables(4)
    for entry in model.tables(6):
        place = entry.number(1, "I")
        if entry.text(0) == BUFFER_NAME and place < len(buffers):
            start, count = buffers[place].span(0)
            return content[start : start + count] if count <= _MAX_BYTES else None
    return None


def _origin(said: Mapping[str, Any]) -> Origin | None:
    pictures = said["pictures"]
    if said["version"] != _VERSION or not 0 < len(pictures) <= _MAX_LABELS:
        return None
    sha256 = said["parent_sha256"]
    if not _SHA256.fullmatch(sha256):
        return None
    return Origin(
        parent=_text(said["parent"]),
        parent_sha256=sha256,
        taught_at=_text(said["taught_at"]),
        pictures={_text(label): _count(number) for label, number in pictures.items()},
        accuracy=_share(said["accuracy"]),
        accuracy_low=_share(said["accuracy_low"]),
        accuracy_high=_share(said["accuracy_high"]),
        edgecls=_text(said["edgecls"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return clean(value.encode("utf-8", "replace").decode())


def _count(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise ValueError
    return int(value)


def _share(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, float | int) or not math.isfinite(value) or not 0 <= value <= 1:
        raise ValueError
    return float(value)
