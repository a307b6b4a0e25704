"""A zip with a model in it, as Teachable Machine and Edge Impulse hand theirs out.

Read in memory, and only what is asked for of it. What was seen of such zips:

- Teachable Machine: `model_unquant.tflite`, `model.tflite` (quantized) or `model_edgetpu.tflite`,
  with `labels.txt` ("0 good").
- Edge Impulse for OpenMV: `trained.tflite` with `labels.txt`.
- Edge Impulse as a C++ or Arduino library: the bytes of the model in an array of C in a header of
  `tflite-model/`, or compiled to C++ (EON), which is no TensorFlow Lite any more; the labels, and
  how the pixels were scaled, in `model-parameters/model_variables.h`.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from edgecls.errors import ModelError
from edgecls.vision.label_map import parse_names

if TYPE_CHECKING:
    import zipfile

ZIP = b"PK\x03\x04"  # how it begins

_SUFFIXES = (".tflite", ".lite")
_LABELS = "labels.txt"
_VARIABLES = "model-parameters/model_variables.h"

_MAX_FILES = 20_000  # the library of Edge Impulse has thousands
_MAX_MODELS = 256 << 20  # bytes, unpacked and all together
_MAX_TEXT = 1 << 20  # of labels: those of a thousand classes take 30 kB
_TOLD = 4  # names in a message

_FILE_ENTRY = b"PK\x01\x02"
_ENCRYPTED = 0x1
_ARRAY = re.compile(rb"=\s*\{([0-9a-fA-FxX,\s]*)\}")
_QUOTED = r'"(?:[^"\\\n]|\\.)*"'
_STRING = re.compile(_QUOTED)
_CATEGORIES = re.compile(
    rf"inferencing_categories\w*\[\]\s*=\s*\{{\s*((?:{_QUOTED}\s*(?:,\s*)?)+)\}}"
)
_SCALING = re.compile(r"\bEI_CLASSIFIER_IMAGE_SCALING_(\w+)")


@dataclass(frozen=True, slots=True)
class Packed:
    """A model out of an archive, with what lies beside it there."""

    name: str  # of the model, in the archive
    content: bytes = field(repr=False)
    labels: str | None = None  # the text of its label file
    variables: str | None = None  # Edge Impulse's, where it is theirs

    def names(self, classes: int) -> tuple[list[str], str] | None:
        """The names of the classes as they stand in the archive, and where; None without any."""
        if self.labels is not None:
            return parse_names(self.labels, classes), _LABELS
        found = _CATEGORIES.search(self.variables or "")
        if found is None:
            return None
        return [_unquoted(text) for text in _STRING.findall(found[1])], _VARIABLES

    @property
    def scaling(self) -> str | None:
        """What Edge Impulse calls the way it scales pixels: "NONE", "MIN1_1" and others."""
        if self.variables is None:
            return None
        found = _SCALING.search(self.variables)
        return "NONE" if found is None else found[1]


def unpacked(path: Path, content: bytes, suits: Callable[[bytes], bool]) -> Packed:
    """The model in a zip: the only one, else the only one that `suits`. Raises ModelError."""
    import zipfile  # most models lie in none, and need not pay for it
    import zlib

    if content.count(_FILE_ENTRY) > _MAX_FILES:
        raise ModelError(f"{path}: is an archive of too many files; unpack the model first")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _packed(path, archive, suits)
    except ModelError:  # is a ValueError as well
        raise
    except (
        *(zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError),
        *(NotImplementedError, RuntimeError),
    ) as error:
        why = " ".join(str(error).split()) or "no reason given"
        raise ModelError(
            f"{path}: is an archive that cannot be read ({why[:200]}); copy or download it again, "
            "or unpack it"
        ) from error


def _packed(path: Path, archive: zipfile.ZipFile, suits: Callable[[bytes], bool]) -> Packed:
    files = {info.filename: info for info in archive.infolist() if _is_wanted(info)}
    models = _models(path, archive, files)
    if not models:
        raise ModelError(f"{path}: {_without_a_model(files)}")
    suited = [name for name in models if suits(models[name])] if len(models) > 1 else [*models]
    if len(suited) != 1:
        raise ModelError(
            f"{path}: holds {len(models)} models ({_listed(models)}); unpack the one that you mean"
        )
    name = suited[0]
    return Packed(
        name,
        models[name],
        _text(path, archive, _labels_of(name, files)),
        _text(path, archive, [file for file in files.values() if _ends(file, _VARIABLES)]),
    )


def _is_wanted(info: zipfile.ZipInfo) -> bool:
    """No folder, and nothing that a file manager put there for itself."""
    parts = PurePosixPath(info.filename).parts
    hidden = any(part.startswith(".") for part in parts) or "__MACOSX" in parts
    return bool(parts) and not info.is_dir() and not hidden


def _models(
    path: Path, archive: zipfile.ZipFile, files: dict[str, zipfile.ZipInfo]
) -> dict[str, bytes]:
    """All models by their names; those in C only where there is no other."""
    plain = [file for file in files.values() if file.filename.lower().endswith(_SUFFIXES)]
    in_c = [file for file in files.values() if _is_header(file)]
    if sum(file.file_size for file in plain or in_c) > _MAX_MODELS:
        raise ModelError(f"{path}: unpacks to more than a model may have ({_MAX_MODELS >> 20} MB)")
    if plain:
        return {file.filename: _read(path, archive, file) for file in plain}
    found = ((file.filename, _array(_read(path, archive, file))) for file in in_c)
    return {name: model for name, model in found if model is not None}


def _is_header(file: zipfile.ZipInfo) -> bool:
    told = PurePosixPath(file.filename)
    return told.parent.name == "tflite-model" and told.suffix in (".h", ".cpp")


def _read(path: Path, archive: zipfile.ZipFile, file: zipfile.ZipInfo) -> bytes:
    """All of a file; zipfile itself gives no more than the size that was looked at before."""
    if file.flag_bits & _ENCRYPTED:
        raise ModelError(f"{path}: {file.filename} is encrypted in it; unpack it first")
    return archive.read(file)


def _array(text: bytes) -> bytes | None:
    """The model in a source text of C."""
    for found in _ARRAY.finditer(text):
        digits = found[1].lower().replace(b"0x", b"").translate(None, b", \t\r\n")
        with suppress(ValueError):
            content = bytes.fromhex(digits.decode("ascii"))
            if content[4:8] == b"TFL3":
                return content
    return None


def _labels_of(model: str, files: dict[str, zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The label file beside the model, or the only one."""
    beside = files.get(str(PurePosixPath(model).with_name(_LABELS)))
    return [file for file in files.values() if _ends(file, _LABELS)] if beside is None else [beside]


def _ends(file: zipfile.ZipInfo, name: str) -> bool:
    return f"/{file.filename}".endswith(f"/{name}")


def _text(path: Path, archive: zipfile.ZipFile, files: list[zipfile.ZipInfo]) -> str | None:
    """What a file says, if there is just one."""
    if len(files) != 1:
        return None
    if files[0].file_size > _MAX_TEXT:
        raise ModelError(f"{path}: {files[0].filename} in it is too large (limit 1 MB)")
    return _read(path, archive, files[0]).decode("utf-8-sig", "replace")


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:  # escaped as only C does
        return text[1:-1]


def _without_a_model(files: Iterable[str]) -> str:
    if any(name.endswith("_compiled.cpp") for name in files):
        return (
            "holds no TensorFlow Lite model, but one compiled to C++ (Edge Impulse's EON "
            "compiler); build it again without, or take the TensorFlow Lite model of the dashboard"
        )
    named = _listed([*files])
    return (
        f"is an archive without a TensorFlow Lite model ({named or 'it is empty'}); "
        "export the model as TensorFlow Lite"
    )


def _listed(names: Iterable[str]) -> str:
    all_names = [name[:80] for name in names]
    more = len(all_names) - _TOLD
    return ", ".join(all_names[:_TOLD]) + (f" and {more} more" if more > 0 else "")
