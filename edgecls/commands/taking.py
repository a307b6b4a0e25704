"""How `collect` takes pictures: by the clock, or by keys; and what a person sees of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgecls.collecting import files
from edgecls.collecting.album import Album
from edgecls.collecting.picture import picture_of
from edgecls.collecting.session import Pace
from edgecls.commands.keyboard import AGAIN, END, UNDO, Keyboard, keys_of
from edgecls.commands.views import Peek, TerminalView
from edgecls.delivery.jpeg import encode
from edgecls.domain import Frame, Outcome
from edgecls.errors import EdgeclsError
from edgecls.pixels import View

if TYPE_CHECKING:
    from rich.console import RenderableType

_JPEG_BYTES = 2_000_000  # noise may take so much


@dataclass(slots=True)
class Shelf:
    """The pictures of one label, and what came of those that were taken."""

    label: str
    album: Album
    made: bool  # the folder is ours: nobody had it before
    there: int = 0  # pictures in the folder
    kept: list[Path] = field(default_factory=list)
    alike: int = 0

    @property
    def words(self) -> str:
        """`kept 31, 19 were nearly the same as one before`."""
        alike = (
            f", {self.alike} {'was' if self.alike == 1 else 'were'} nearly the same as one before"
        )
        return f"kept {len(self.kept)}{alike if self.alike else ''}"


class Shelves:
    """Those of all labels, in the order in which they were named."""

    def __init__(self, folder: Path, labels: Sequence[str]) -> None:
        """Raises EdgeclsError for a folder that cannot be read."""
        jpeg = partial(encode, limit_bytes=_JPEG_BYTES)
        self.all = {
            label: Shelf(label, Album(path, jpeg, private=False, durable=True), not path.exists())
            for label, path in ((label, folder / label) for label in labels)
        }
        self._order: list[Shelf] = []  # of those that were kept
        self.newest = ""  # what came of the newest, in words
        for shelf in self.all.values():
            with _disk(shelf):
                shelf.there = shelf.album.count()

    @property
    def taken(self) -> int:
        """How many pictures were taken, kept or not."""
        return self.kept + sum(shelf.alike for shelf in self.all.values())

    @property
    def kept(self) -> int:
        """How many of them were kept."""
        return sum(len(shelf.kept) for shelf in self.all.values())

    def take(self, label: str, frame: Frame, view: View) -> bool:
        """Keep a picture of the frame, unless there is one like it; whether it was kept. Raises
        EdgeclsError where that is not possible."""
        shelf = self.all[label]
        with _disk(shelf):
            path = shelf.album.keep(picture_of(frame, view))
        if path is None:
            shelf.alike += 1
            self.newest = f"{label}: nearly the same as one before, not kept"
        else:
            shelf.kept.append(path)
            shelf.there += 1
            self._order.append(shelf)
            self.newest = f"{label}: {path.name}"
        return path is not None

    def undo(self) -> None:
        """Take the picture away that was kept last."""
        if not self._order:
            self.newest = "there is nothing to undo"
            return
        shelf = self._order.pop()
        path = shelf.kept.pop()
        with _disk(shelf):
            files.remove(path)
        shelf.there -= 1
        if shelf.made:
            with suppress(OSError):  # it is not empty
                path.parent.rmdir()
        self.newest = f"{shelf.label}: {path.name} taken away"


class ByClock:
    """An onlooker that takes pictures of one label until `count` are kept."""

    inside = "the taking of a picture"

    def __init__(
        self,
        label: str,
        shelves: Shelves,
        view: View,
        pace: Pace,
        *,
        count: int | None,
        stopped: threading.Event,
    ) -> None:
        self._label, self._shelves, self._view = label, shelves, view
        self._pace, self._count, self._stopped = pace, count, stopped

    def look(self, frame: Frame, _: Outcome) -> None:
        """Take one where it is due."""
        if not self._stopped.is_set() and self._pace.due(frame.moment.decision_s):
            self._shelves.take(self._label, frame, self._view)
            if self._shelves.kept == self._count:
                self._stopped.set()

    def legend(self) -> str:
        """What a person can do."""
        of = "" if self._count is None else f" of {self._count}"
        return f"{self._shelves.kept}{of} kept, {self._shelves.taken} taken · Ctrl-C ends"


class ByKeys:
    """An onlooker that takes what is seen at the moment when somebody presses a key."""

    inside = "the taking of a picture"

    def __init__(
        self, shelves: Shelves, view: View, keyboard: Keyboard, stopped: threading.Event
    ) -> None:
        self._shelves, self._view = shelves, view
        self._keyboard, self._stopped = keyboard, stopped
        self._keys = keys_of(list(shelves.all))
        self._label: str | None = None

    def look(self, frame: Frame, _: Outcome) -> None:
        """Do what was pressed since the last frame."""
        is_kept = False  # this frame
        for key in self._keyboard.pressed():
            if key == END:
                self._stopped.set()
            elif key == UNDO:
                self._shelves.undo()
                is_kept = False
            elif key in {AGAIN, *self._keys}:
                self._label = self._keys.get(key, self._label)
                if self._label is not None and is_kept:
                    # One picture with two labels could not be taught from.
                    self._shelves.newest = f"{self._label}: too fast, not taken: press again"
                elif self._label is not None:
                    is_kept = self._shelves.take(self._label, frame, self._view)

    def legend(self) -> str:
        """What a person can do."""
        return f"{_said(self._keys)} · space: once more · u: undo · q: end"


class CollectView(TerminalView):
    """The live view, below what is collected: that must be seen however small the terminal is."""

    def __init__(
        self,
        title: str,
        peek: Peek,
        stopped: threading.Event,
        shelves: Shelves,
        taker: ByClock | ByKeys,
    ) -> None:
        super().__init__(title, peek, stopped)
        self._shelves, self._taker = shelves, taker

    def _picture(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        counts = Text("   ".join(f"{s.label} {s.there}" for s in self._shelves.all.values()))
        counts.stylize("bold")
        legend = Text(self._taker.legend(), style="dim")
        return Group(counts, legend, Text(self._shelves.newest), super()._picture())


@contextmanager
def _disk(shelf: Shelf) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        words = error.strerror or str(error)
        raise EdgeclsError(f"{shelf.album.folder}: {words}; what was kept is whole") from error


def _said(keys: Mapping[str, str]) -> str:
    """`1 o: open, 2 c: closed`."""
    labels = dict.fromkeys(keys.values())
    return ", ".join(
        f"{' '.join(key for key in keys if keys[key] == label)}: {label}" for label in labels
    )
