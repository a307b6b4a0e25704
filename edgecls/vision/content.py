"""The bytes of a model: of a `.tflite` or `.lite`, or out of a zip."""

from __future__ import annotations

from pathlib import Path

from edgecls.errors import ModelError
from edgecls.vision.archive import ZIP, Packed, unpacked

EDGE_TPU_OPERATOR = "edgetpu-custom-op"


def may_be_compiled(path: Path) -> bool:
    """Whether a file holds the name of the Edge TPU's operator, or is a zip, where nobody can tell;
    the graph says for certain. Raises OSError."""
    content = path.read_bytes()
    return content.startswith(ZIP) or _is_compiled(content)


def model_content(path: Path, delegate: str) -> tuple[bytes, Packed | None]:
    """What begins as a model does; and the rest of what was asked for of a zip.

    Of a zip with a build for the CPU and one for the Edge TPU, that for the CPU is taken, unless
    the `delegate` asks for an Edge TPU. Raises ModelError.
    """
    content = _whole(path)
    if not content.startswith(ZIP):
        return _checked(content, f"{path}:"), None
    compiled = delegate.startswith("edgetpu")
    packed = unpacked(path, content, lambda model: _is_compiled(model) == compiled)
    return _checked(packed.content, f"{path}: {packed.name} in it"), packed


def _is_compiled(content: bytes) -> bool:
    return EDGE_TPU_OPERATOR.encode() in content


def _whole(path: Path) -> bytes:
    if path.is_dir():
        raise ModelError(f"{path}: is a folder, not a model file")
    try:
        if path.exists() and not path.is_file():  # reading a pipe or a device would never end
            raise ModelError(f"{path}: is a pipe or a device, not a model file")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such model file") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot read the model: {error.strerror}") from error


def _checked(content: bytes, where: str) -> bytes:
    if content[4:8] == b"TFL3":
        return content
    raise ModelError(f"{where} {_what_instead(content)}")


def _what_instead(content: bytes) -> str:
    """What a file is that is no model, and how to mend it."""
    if not content:
        return "is empty; copy or download the model again"
    start = content[:256].lstrip().lower()
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the model itself; fetch it with `git lfs pull`"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return "is a web page, not a model; download the file itself"
    if start.startswith((b"pk\x03\x04", b"pk\x05\x06", b"\x1f\x8b")):
        return "is an archive, not a model; unpack it first"
    if start.startswith(b"\x7felf"):
        return "is a program (such as Edge Impulse's .eim); take the TensorFlow Lite export"
    return "is no TensorFlow Lite model (.tflite)"
