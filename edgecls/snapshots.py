"""What a watch shows of itself: the crop that decided, copied out of its frame."""

from __future__ import annotations

import threading
from dataclasses import replace

from edgecls.domain import Image, Outcome, Phase, Pixels
from edgecls.pixels import View

LONGER_SIDE = 640  # pixels at most: enough for a phone; a photo of 640x640 is some 70 kB as JPEG


class Snapshots:
    """Takes those of one watch: at each published start, if `at_start`, and whenever asked."""

    def __init__(self, view: View, *, at_start: bool) -> None:
        self._view, self._at_start = view, at_start
        self._asked = threading.Event()

    def ask(self) -> None:
        """Have one taken of the next frame that the watch looks at. For any thread."""
        self._asked.set()

    def attached(self, outcome: Outcome, image: Image) -> Outcome:
        """The outcome of an image, with a snapshot of it where one is wanted."""
        if not self._wanted(outcome):
            return outcome
        return replace(outcome, snapshot=snapshot(image, self._view))

    def _wanted(self, outcome: Outcome) -> bool:
        started = any(event.phase is Phase.START for event in outcome.events)
        asked = self._asked.is_set()
        if asked:
            self._asked.clear()
        return asked or (started and self._at_start)


def snapshot(image: Image, view: View) -> Pixels:
    """What a view takes of an image, as RGB uint8, shape (height, width, 3): an array of its own.

    It keeps the image's resolution up to 640 pixels on the longer side and is never enlarged;
    `fit` and `stretch` show the region in its own shape. Where a Pi's image processor scales for
    the model, the image is the model's input, and so small is the snapshot.
    """
    box = view.box(image.width, image.height)
    scale = min(1.0, LONGER_SIDE / max(box.width, box.height))
    width, height = (max(1, round(side * scale)) for side in (box.width, box.height))
    return image.sample(box, width, height).copy()
