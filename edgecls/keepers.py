"""What a daemon keeps on disk beside its outbox: scores, pictures, and its last good models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from edgecls.collecting.collector import Collector
from edgecls.lastgood import LastGood, last_good_folder
from edgecls.scores.recorder import Recorder, scores_folder
from edgecls.settings import Config

_PICTURE_BYTES = 2_000_000  # of one that is kept for teaching: noise may take so much


@dataclass(frozen=True, slots=True)
class Keepers:
    """Each is None where nothing is to be kept: whoever only looks remembers nothing."""

    scores: Recorder | None = None  # of live cameras, for a replay
    collector: Collector | None = None  # pictures for teaching, where they are asked for
    last_good: LastGood | None = None  # with it, models can prove themselves

    @classmethod
    def of(cls, config: Config, state_dir: Path, device: str) -> Self:
        """All of them, in the state folder of a device."""
        # Imported here: PyAV need not be there for who keeps nothing.
        from edgecls.delivery.jpeg import encode

        jpeg = partial(encode, limit_bytes=_PICTURE_BYTES)
        return cls(
            Recorder(scores_folder(state_dir, device), config.replay.max_mb),
            Collector(state_dir, device, config.collect.max_mb, jpeg),
            LastGood(last_good_folder(state_dir, device)),
        )

    def limit(self, config: Config) -> None:
        """Other bounds, from now on."""
        if self.scores is not None:
            self.scores.limit(config.replay.max_mb)
        if self.collector is not None:
            self.collector.reconfigure(config.collect.max_mb)
