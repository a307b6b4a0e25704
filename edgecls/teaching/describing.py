"""TFLite Metadata of a taught model: what any library needs to feed it and to name its classes.

A flatbuffer in one of the model's buffers (metadata_schema.fbs, identifier M001), and the labels as
a zip behind the model: what edgecls.vision.metadata reads, and the Task Library and MediaPipe.
Field numbers are those of the schema, in the order of its declarations.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from edgecls.vision.quantization import Encoder

_LABELS_FILE = "labels.txt"
_NORMALIZATION, _SCORE_THRESHOLDING = 1, 3  # ProcessUnitOptions
_FEATURE, _IMAGE = 1, 2  # ContentProperties
_RGB, _GRAYSCALE = 1, 2  # ColorSpaceType
_AXIS_LABELS = 2  # AssociatedFileType
_MIN_PARSER = "1.0.0"  # everything here was there from the start
_NO_DATE = (1980, 1, 1, 0, 0, 0)  # the zip's earliest: equal models are equal bytes

_Field = Callable[[int], None]


def metadata(
    encoder: Encoder, *, channels: int, name: str, description: str, min_score: float | None
) -> bytes:
    """The content of the buffer vision.metadata.BUFFER_NAME."""
    write = _Writer()
    picture = _image_tensor(write, encoder, channels)
    scores = _score_tensor(write, min_score)
    graph = write.table({2: write.tables([picture]), 3: write.tables([scores])})
    root = {0: write.text(name), 1: write.text(description), 3: write.tables([graph])}
    return write.finished(write.table(root | {7: write.text(_MIN_PARSER)}))


def with_labels(model: bytes, labels: Sequence[str]) -> bytes:
    """The model and, behind it, its labels as an uncompressed zip: a line for each."""
    file = io.BytesIO()
    file.write(model)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        entry = zipfile.ZipInfo(_LABELS_FILE, _NO_DATE)
        archive.writestr(entry, "".join(f"{label}\n" for label in labels).encode())
    return file.getvalue()


def _image_tensor(write: _Writer, encoder: Encoder, channels: int) -> int:
    colours = write.table({0: write.small(_GRAYSCALE if channels == 1 else _RGB)})
    content = write.table({0: write.small(_IMAGE), 1: write.offset(colours)})
    options = write.table({0: write.floats(encoder.mean), 1: write.floats(encoder.std)})
    normalization = _unit(write, _NORMALIZATION, options)
    fields = {0: write.text("image"), 1: write.text("the picture to be classified")}
    fields |= {3: write.offset(content), 4: write.tables([normalization])}
    lowest, highest = ([(byte - m) / s for m, s in _pairs(encoder)] for byte in (0, 255))
    stats = write.table({0: write.floats(highest), 1: write.floats(lowest)})
    return write.table(fields | {5: write.offset(stats)})


def _pairs(encoder: Encoder) -> list[tuple[float, float]]:
    """(mean, std) of each channel that has its own."""
    count = max(len(encoder.mean), len(encoder.std))
    means, stds = (each * count if len(each) == 1 else each for each in (encoder.mean, encoder.std))
    return list(zip(means, stds, strict=True))


def _score_tensor(write: _Writer, min_score: float | None) -> int:
    content = write.table({0: write.small(_FEATURE), 1: write.offset(write.table({}))})
    described = {0: write.text(_LABELS_FILE), 1: write.text("the labels of the classes")}
    file = write.table(described | {2: write.small(_AXIS_LABELS)})
    fields = {0: write.text("scores"), 1: write.text("one score for each class")}
    fields |= {3: write.offset(content), 6: write.tables([file])}
    if min_score is not None:
        options = write.table({0: write.number(min_score)})
        fields |= {4: write.tables([_unit(write, _SCORE_THRESHOLDING, options)])}
    stats = write.table({0: write.floats([1.0]), 1: write.floats([0.0])})
    return write.table(fields | {5: write.offset(stats)})


def _unit(write: _Writer, kind: int, options: int) -> int:
    return write.table({0: write.small(kind), 1: write.offset(options)})


class _Writer:
    """Tables of a flatbuffer, the innermost first; what a field is to hold is made beforehand."""

    def __init__(self) -> None:
        self._builder: Any = import_module("flatbuffers").Builder(1024)

    def table(self, fields: dict[int, _Field]) -> int:
        self._builder.StartObject(max(fields, default=-1) + 1)
        for number, put in sorted(fields.items()):
            put(number)
        return int(self._builder.EndObject())

    def text(self, text: str) -> _Field:
        return self.offset(self._builder.CreateString(text))

    def tables(self, tables: Sequence[int]) -> _Field:
        self._builder.StartVector(4, len(tables), 4)
        for table in reversed(tables):
            self._builder.PrependUOffsetTRelative(table)
        return self.offset(self._builder.EndVector())

    def floats(self, numbers: Sequence[float]) -> _Field:
        self._builder.StartVector(4, len(numbers), 4)
        for number in reversed(numbers):
            self._builder.PrependFloat32(number)
        return self.offset(self._builder.EndVector())

    def small(self, number: int) -> _Field:
        return lambda field: self._builder.PrependUint8Slot(field, number, 0)

    def number(self, number: float) -> _Field:
        return lambda field: self._builder.PrependFloat32Slot(field, number, 0.0)

    def offset(self, place: int) -> _Field:
        return lambda field: self._builder.PrependUOffsetTRelativeSlot(field, place, 0)

    def finished(self, root: int) -> bytes:
        self._builder.Finish(root, file_identifier=b"M001")
        return bytes(self._builder.Output())
