"""`demo:`: the drawn scene, as a live camera would show it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edgecls.pixels import ArrayImage
from edgecls.sources.base import LIVE_FPS, Shot, Wanted
from edgecls.sources.pace import Pacer
from edgecls.sources.scene import draw


class DemoOrigin:
    """The scene from its beginning, at the camera's rate; it begins again with every opening."""

    broken = 0

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    def shots(self) -> Iterator[Shot]:
        """Without end."""
        fps = self._wanted.settings.fps or LIVE_FPS
        pacer = Pacer(self._wanted.stop)
        number = 0
        while pacer.wait(number / fps):
            captured_ns = time.monotonic_ns()
            yield Shot(ArrayImage(draw(number / fps)), captured_ns)
            number += 1

    def close(self) -> None:
        """There is nothing to let go of."""
