"""Plain stand-ins for what a test is not about."""

from __future__ import annotations

import numpy as np

from edgecls.domain import Box, Pixels


class FlatImage:
    """An image of one grey level."""

    def __init__(self, level: int = 128, width: int = 64, height: int = 48) -> None:
        self.level, self.width, self.height = level, width, height

    def sample(self, box: Box, width: int, height: int) -> Pixels:
        return np.full((height, width, 3), self.level, np.uint8)

    def copy(self) -> FlatImage:
        return self
