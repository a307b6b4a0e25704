"""Pictures as a base sees them: embeddings, made on all cores and remembered."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecls.dataset import seen_beside
from edgecls.domain import Pixels
from edgecls.errors import PictureError
from edgecls.evaluation.looking import Work, share_out
from edgecls.likeness import LIKENESS_SIZE
from edgecls.pictures import read_picture
from edgecls.pixels import ArrayImage, View, prepare
from edgecls.teaching.alterations import Alteration
from edgecls.teaching.base import Base, Embedder
from edgecls.teaching.cache import Cache
from edgecls.teaching.sample import Picture, Sample, noticed, taken_s
from edgecls.vision.runtime import runtime

_FORMAT = "2"  # of a row; another one whenever the same picture comes to other numbers
_RESIZES = ("crop", "fit", "stretch")
_PNG = struct.Struct(">8s8xII")  # signature, width, height
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Look:
    """How pictures are looked at: what an embedding depends on beside the picture."""

    base: Base
    resize: str
    alterations: tuple[Alteration, ...] = ()

    @property
    def about(self) -> str:
        """All of it as a text."""
        model, encoder = self.base.reading.model, self.base.reading.encoder
        ramp = np.arange(model.height * model.width * 3).astype(np.uint8)
        tensor = encoder.encode(ramp.reshape(model.height, model.width, 3)).tobytes()
        altered = ",".join(alteration.__name__ for alteration in self.alterations)
        parts = (_FORMAT, _sha256(self.base.backbone), _sha256(tensor), runtime())
        return "; ".join((*parts, self.resize, altered))


@dataclass(frozen=True, slots=True)
class Embedded:
    """The pictures that could be read."""

    pictures: tuple[Picture, ...]
    rows: NDArray[np.float32]  # (pictures, 1 + alterations, dimensions), as they are first
    as_seen: int  # pictures of which the model's own input was there
    remembered: int  # pictures that an earlier lesson had looked at

    def sample(self, *, altered: bool) -> Sample:
        """What a head learns from, with the altered copies or without."""
        rows = self.rows if altered else self.rows[:, :1]
        count, copies, dimensions = rows.shape
        classes = np.array([picture.label for picture in self.pictures], np.intp)
        return Sample(
            rows.reshape(-1, dimensions),
            classes.repeat(copies),
            np.arange(count).repeat(copies),
            np.tile(np.arange(copies) == 0, count),
        )


def embed_all(
    files: Sequence[Path],
    labels: Sequence[int],
    look: Look,
    *,
    threads: int | None = None,
    cache: Path | None = None,
    seen: Callable[[Path, PictureError | None], None],
) -> Embedded:
    """The embeddings of these pictures, whose labels are given by position.

    `threads`: so many pictures at a time; default: one for each core, and one in all for an
    accelerator. `seen` is called from those threads after each picture, with what is wrong with
    it. `cache`: the folder of what is remembered, None for nowhere. Raises ModelError.
    """
    prepare()
    desk = _Desk(files, labels, look, cache)
    with ExitStack() as stack:
        count = 1 if look.base.reading.model.edge_tpu else threads or len(os.sched_getaffinity(0))
        embedders = [
            stack.enter_context(Embedder(look.base)) for _ in range(min(count, len(files)))
        ]
        share_out(files, [desk.worker(embedder) for embedder in embedders], seen=seen)
    desk.cache.prune()
    return desk.embedded()


class _Desk:
    """Where the threads put what they made of the pictures, each at its number."""

    def __init__(
        self, files: Sequence[Path], labels: Sequence[int], look: Look, cache: Path | None
    ) -> None:
        copies, dimensions = 1 + len(look.alterations), look.base.dimensions
        self._labels = labels
        self._look = look
        self._rows = np.empty((len(files), copies, dimensions), np.float32)
        self._pictures: list[Picture | None] = [None] * len(files)
        self._as_seen = np.zeros(len(files), bool)
        self._remembered = np.zeros(len(files), bool)
        self.cache = Cache(cache, look.about, copies * dimensions + LIKENESS_SIZE)

    def worker(self, embedder: Embedder) -> Work:
        """What one thread does with each of its pictures."""
        view = View(embedder.width, embedder.height, resize=self._look.resize)

        def work(index: int, file: Path) -> None:
            source, name, known = self._looked_up(file, view)
            if known is not None:
                self._recall(index, file, known)
            else:
                pixels = read_picture(source)
                self._embed(index, embedder, view.see(ArrayImage(pixels)))
                picture = noticed(file, self._labels[index], pixels)
                self._pictures[index] = picture
                row = np.concatenate((self._rows[index].ravel(), picture.likeness))
                self.cache.keep(name, row)
            self._as_seen[index] = source != file
            self._remembered[index] = known is not None

        return work

    def _looked_up(
        self, file: Path, view: View
    ) -> tuple[Path, str | None, NDArray[np.float32] | None]:
        """What is read for a picture, and by which name which row of it is remembered, if any."""
        beside = seen_beside(file)
        if _has_size(beside, view):
            name = self.cache.name(beside)
            known = self.cache.find(name)
            if known is not None or _is_seen_by(view, file, beside):
                return beside, name, known
        name = self.cache.name(file)
        return file, name, self.cache.find(name)

    def embedded(self) -> Embedded:
        """What came of it, without the pictures that could not be read."""
        there = [picture is not None for picture in self._pictures]
        return Embedded(
            tuple(picture for picture in self._pictures if picture is not None),
            self._rows[there],
            int(self._as_seen.sum()),
            int(self._remembered.sum()),
        )

    def _embed(self, index: int, embedder: Embedder, pixels: Pixels) -> None:
        self._rows[index, 0] = embedder.embed(pixels)
        for copy, alteration in enumerate(self._look.alterations, 1):
            self._rows[index, copy] = embedder.embed(alteration(pixels))

    def _recall(self, index: int, file: Path, known: NDArray[np.float32]) -> None:
        row, likeness = np.split(known, (-LIKENESS_SIZE,))
        self._rows[index] = row.reshape(self._rows[index].shape)
        label = self._labels[index]
        self._pictures[index] = Picture(file, label, likeness.copy(), taken_s(file))


def source_of(file: Path, view: View) -> Path:
    """What is read for a picture: the model's own input where that was collected as this view has
    it. Raises PictureError."""
    beside = seen_beside(file)
    return beside if _has_size(beside, view) and _is_seen_by(view, file, beside) else file


def _has_size(beside: Path, view: View) -> bool:
    if not beside.is_file():
        return False
    try:
        with beside.open("rb") as opened:
            head = opened.read(_PNG.size)
    except OSError:
        return False
    told = (_SIGNATURE, view.width, view.height)
    return len(head) == _PNG.size and _PNG.unpack(head) == told


def _is_seen_by(view: View, file: Path, beside: Path) -> bool:
    """Whether no other `resize` makes of the picture what is more like that which lies beside it.

    It was seen before the picture became a JPEG, so it is never quite the same.
    """
    picture, seen = ArrayImage(read_picture(file)), read_picture(beside).astype(np.int16)
    apart = {
        resize: np.abs(replace(view, resize=resize).see(picture) - seen).mean()
        for resize in _RESIZES
    }
    return bool(apart[view.resize] <= min(apart.values()))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
