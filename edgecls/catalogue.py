"""Models by name: what the catalogue knows, what ships with edgecls, what is installed here."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edgecls.errors import ModelError
from edgecls.paths import SERVICE_CONFIGS, SERVICE_STATE, beside, user_folder

SYSTEM_MODELS = SERVICE_STATE / "models"
_SUFFIXES = (".tflite", ".lite", ".zip")  # of files that hold a model
_EDGE_TPU_SUFFIX = "_edgetpu"  # what the Edge TPU's compiler puts behind a name
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Published:
    """A file whose bytes are known; without an address, only its page is."""

    sha256: str
    address: str | None
    page: str | None
    size: int | None  # bytes

    @property
    def archived(self) -> bool:
        """The model lies in an archive."""
        return self.address is not None and self.address.endswith(".tgz")


@dataclass(frozen=True, slots=True)
class Entry:
    """A published model. `top1` and `top5`: per cent, as published by `figures`."""

    name: str
    file: Published
    licence: str
    input: str
    labels: Published | tuple[str, ...] | None  # None: they are inside the model
    size_mb: float | None
    top1: float | None
    top5: float | None
    figures: str | None
    edge_tpu: str | None  # the name of its build for the Edge TPU
    cpu: str | None  # of a build for the Edge TPU: the name of the one for the CPU
    note: str | None


@cache
def entries() -> Mapping[str, Entry]:
    """The catalogue, by name; it ships with edgecls."""
    with (shipped("models") / "catalogue.toml").open("rb") as file:
        whole = tomllib.load(file)
    return MappingProxyType({name: _entry(name, e, whole) for name, e in whole["models"].items()})


def _entry(name: str, entry: Mapping[str, Any], whole: Mapping[str, Any]) -> Entry:
    labels = entry["labels"]
    if isinstance(labels, str):
        labels = None if labels == "inside" else _published(whole["labels"][labels])
    size = entry.get("bytes")
    return Entry(
        name=name,
        file=_published(entry),
        licence=entry.get("licence", whole["licence"]),
        input=entry["input"],
        labels=tuple(labels) if isinstance(labels, list) else labels,
        size_mb=entry.get("mb") if size is None else size / _MB,
        top1=entry.get("top1"),
        top5=entry.get("top5"),
        figures=whole["figures"][entry["figures"]]["words"] if "figures" in entry else None,
        edge_tpu=entry.get("edge_tpu"),
        cpu=entry.get("cpu"),
        note=entry.get("note"),
    )


def _published(file: Mapping[str, Any]) -> Published:
    return Published(file["sha256"], file.get("address"), file.get("page"), file.get("bytes"))


def entry_of(sha256: str) -> Entry | None:
    """The entry whose model file has this checksum."""
    known = (e for e in entries().values() if not e.file.archived)
    return next((entry for entry in known if entry.file.sha256 == sha256), None)


def archived_entry(name: str) -> Entry | None:
    """The entry of this name, where only its archive's checksum is known and not the model's."""
    entry = entries().get(name)
    return entry if entry is not None and entry.file.archived else None


def pair_of(name: str) -> str | None:
    """The CPU build of a model that is compiled for the Edge TPU; None for any other model.

    The catalogue says which it is; of a model that is not in it, the name does.
    """
    if not name.endswith(_EDGE_TPU_SUFFIX):
        return None
    entry = entries().get(name)
    return (entry and entry.cpu) or name.removesuffix(_EDGE_TPU_SUFFIX)


def model_folders() -> list[Path]:
    """Where models are looked for: the system's, the user's (XDG), then what ships."""
    folders = (SYSTEM_MODELS, user_models(), shipped("models"))
    return [folder for folder in folders if folder is not None]


def user_models() -> Path | None:
    """Where a user's own models lie; None of a user without a home."""
    user = user_folder("XDG_DATA_HOME")
    return None if user is None else user / "models"


def shipped(folder: str) -> Path:
    """`models`, `configs` or `systemd` as package data, or beside the package in a checkout."""
    package = Path(__file__).parent
    inside = package / "share" / folder
    return inside if inside.is_dir() else package.parent / folder


def installed() -> dict[str, Path]:
    """The files of all installed models by their names; where there are two, what is used."""
    found: dict[str, Path] = {}
    for folder in model_folders():
        for path in sorted(folder.glob("*.tflite")):
            if not path.name.startswith("."):
                found.setdefault(path.stem, path)
    return found


def labels_beside(model: Path) -> Path:
    """Where the label file of a model lies that has no labels inside, if it came with one."""
    return model.with_name(f"{model.stem}.labels.txt")


def label_files(model: Path) -> tuple[Path, Path]:
    """Where labels of a model may lie that it does not hold itself: its own file, its folder's."""
    return labels_beside(model), model.with_name("labels.txt")


def labels_of_folder(model: Path) -> Path | None:
    """The `labels.txt` of a folder, where it can only mean this model or builds of it."""
    labels = label_files(model)[1]
    if not labels.is_file():
        return None
    try:
        files = [each for each in model.parent.iterdir() if each.suffix in (".tflite", ".lite")]
    except OSError:  # we may use the folder and not list it: nobody knows what else lies there
        return None
    networks = {pair_of(each.stem) or each.stem for each in files if not each.name.startswith(".")}
    return labels if len(networks) == 1 else None


def is_path(model: str) -> bool:
    """Whether a model is named by its path, not by a name of the catalogue."""
    return model.endswith(_SUFFIXES) or "/" in model


def find_model(model: str, base: Path) -> Path:
    """The file of a model named by a path (relative to `base`) or by a name of the catalogue.

    Raises ModelError that says where it was looked for, and what fetches it.
    """
    if is_path(model):
        path = beside(base, model)
        if not _is_file(path):
            raise ModelError(f"{str(path)[:200]}: there is no such model file")
        return path
    for folder in model_folders():
        if _is_file(path := folder / f"{model}.tflite"):
            return path
    where = f" where you may look (with sudo: in {SYSTEM_MODELS} as well)"
    where = where if is_closed(SYSTEM_MODELS) else ""
    if model in entries():
        sudo = "sudo " if base == SERVICE_CONFIGS else ""
        raise ModelError(
            f"model {model!r} is not installed{where};"
            f" fetch it with: {sudo}edgecls models pull {model}"
        )
    known = installed()
    near = difflib.get_close_matches(model, [*known, *entries()], 1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    raise ModelError(
        f"model {model[:200]!r} is not installed{where}{meant}; put its .tflite into"
        f" {SYSTEM_MODELS} or name a path to a .tflite or .zip"
        f" (installed: {', '.join(sorted(known)) or 'none'};"
        " `edgecls models list` shows what can be fetched)"
    )


def is_closed(folder: Path) -> bool:
    """Whether it, or what it lies in, is not for us to look into."""
    try:
        folder.stat()
    except OSError as error:
        return isinstance(error, PermissionError)
    return not os.access(folder, os.R_OK | os.X_OK)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, for example
        return False
