"""TFLite Metadata: what a model file says of itself (metadata_schema.fbs, identifier M001).

It is a flatbuffer in one of the model's buffers, and a zip of files appended to the model. Nothing
here makes a model unusable: damaged metadata count as none.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

from edgecls.vision.flatbuffer import DamagedError, Flat, Table

BUFFER_NAME = "TFLITE_METADATA"

_NORMALIZATION, _SCORE_THRESHOLDING = 1, 3  # ProcessUnitOptions
_AXIS_LABELS, _VALUE_LABELS = 2, 3  # AssociatedFileType
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 22 + 65_535  # where it may lie, before a comment
_MAX_BYTES = 1 << 20  # read of any file of the zip: labels of a thousand classes take 30 kB


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the file says; None or empty where it is silent."""

    mean: tuple[float, ...] = ()  # normalisation: (pixel - mean) / std
    std: tuple[float, ...] = ()
    min_score: float | None = None  # the recommended threshold
    labels: str | None = None  # the text of the label file
    known: str | None = None  # how mean and std are known, where the file is silent of them


def read_metadata(content: bytes, where: slice | None) -> Metadata:
    """The metadata of a model file; `where` is their buffer, if there is one."""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    min_score, name = None, None
    if where is not None:
        try:
            root = Flat(memoryview(content)[where]).root(b"M001")
            (mean, std), (min_score, name) = _input_facts(root), _output_facts(root)
        except DamagedError:
            mean, std, min_score, name = (), (), None, None
    return Metadata(mean, std, min_score, _labels(content, name))


def _input_facts(root: Table) -> tuple[tuple[float, ...], tuple[float, ...]]:
    for graph in root.tables(3)[:1]:
        for tensor in graph.tables(2)[:1]:
            for unit in tensor.tables(4):
                options = unit.table(1)
                if unit.number(0, "B") == _NORMALIZATION and options is not None:
                    mean, std = tuple(options.numbers(0, "f")), tuple(options.numbers(1, "f"))
                    if mean and std and all(map(math.isfinite, mean + std)) and all(std):
                        return mean, std
    return (), ()


def _output_facts(root: Table) -> tuple[float | None, str | None]:
    """(recommended least score, name of the label file in the zip)."""
    min_score, name = None, None
    for graph in root.tables(3)[:1]:
        for tensor in graph.tables(3)[:1]:
            for unit in tensor.tables(4):
                options = unit.table(1)
                if unit.number(0, "B") == _SCORE_THRESHOLDING and options is not None:
                    # As it was written: 0.6 in 32 bits is 0.60000002 in 64.
                    threshold = float(f"{options.number(0, 'f'):.7g}")
                    min_score = threshold if 0 < threshold <= 1 else None
            for file in tensor.tables(6):
                if file.number(2, "b") in (_AXIS_LABELS, _VALUE_LABELS) and name is None:
                    name = file.text(0)
    return min_score, name


def _labels(content: bytes, name: str | None) -> str | None:
    """The text of the label file: the named one, else the only text file of the zip."""
    if _ZIP_END not in content[-_ZIP_END_BYTES:]:
        return None
    import zipfile  # most models have no zip behind them, and need not pay for it
    import zlib

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [entry for entry in archive.namelist() if entry.endswith(".txt")]
            if name not in archive.namelist():
                name = names[0] if len(names) == 1 else None
            if name is None:
                return None
            with archive.open(name) as file:
                text = file.read(_MAX_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError):
        return None
    except (ValueError, KeyError):
        return None
    return text.decode("utf-8-sig", "replace") if len(text) <= _MAX_BYTES else None
