"""What runs at present: the watches, and the configuration that they are of."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from edgecls.assembled import AssembledWatch
from edgecls.health import Health
from edgecls.settings import CameraSettings, Config
from edgecls.vision.engine import Engine


@dataclass(frozen=True, slots=True)
class Present:
    """All of it at one moment."""

    in_file: Config  # the file, without what was set over MQTT
    config: Config  # with that
    watches: Mapping[str, AssembledWatch]


class Running:
    """Changed by the thread of the loop only. Others read `now`: it is replaced, never altered."""

    def __init__(self, now: Present, health: Health) -> None:
        self.now, self._health = now, health
        self._telling = threading.Lock()
        self.looks = {name: watch.for_pipeline() for name, watch in now.watches.items()}
        self._tell_fallbacks(())
        self.tell()

    @property
    def config(self) -> Config:
        """The configuration with what was set since the start."""
        return self.now.config

    @property
    def watches(self) -> Mapping[str, AssembledWatch]:
        """The watches by their names."""
        return self.now.watches

    @property
    def cameras(self) -> dict[str, CameraSettings]:
        """The cameras that the watches look at."""
        names = sorted({watch.camera for watch in self.watches.values()})
        return {name: self.config.cameras[name] for name in names}

    @property
    def engines(self) -> Iterator[Engine]:
        """All that are in use."""
        for watch in self.watches.values():
            yield watch.engine
            if watch.shadow is not None:
                yield watch.shadow.engine

    def put(self, name: str, watch: AssembledWatch) -> None:
        """Have a watch in the place of the one of that name."""
        self.become(replace(self.now, watches={**self.watches, name: watch}))

    def become(self, after: Present) -> None:
        """Have what is in `after`, and nothing else."""
        before, fallbacks = self.watches, self._fallbacks()
        gone = before.keys() - after.watches.keys()
        for name in gone:
            del self.looks[name]
        for name, watch in after.watches.items():
            if watch is not before.get(name):
                self.looks[name] = watch.for_pipeline()
        self.now = after
        self._tell_fallbacks(fallbacks)
        self.tell(gone)

    def tell(self, gone: Collection[str] = ()) -> None:
        """Have `health` say how the models of the watches do. For any thread."""
        with self._telling:  # whoever is last tells the newest
            watches = self.watches
            for name in {*gone, *watches}:
                self._tell_of(name, watches.get(name))

    def _tell_of(self, name: str, watch: AssembledWatch | None) -> None:
        returned = None if watch is None else _told_of_return(watch)
        failure = None if watch is None else watch.shadow_failure
        refused = None if watch is None else watch.refused
        self._health.fault(f"model_returned:{name}", returned is not None, returned or "")
        self._health.warning(f"shadow_failed:{name}", failure is not None, failure or "")
        self._health.warning(f"model_refused:{name}", refused is not None, refused or "")

    def _fallbacks(self) -> dict[str, str]:
        """The models in whose place another one runs, and why."""
        return {w.model: w.stands_in for w in self.watches.values() if w.stands_in is not None}

    def _tell_fallbacks(self, before: Collection[str]) -> None:
        now = self._fallbacks()
        for model in {*before, *now}:
            self._health.fault(f"delegate_fallback:{model}", model in now, now.get(model, ""))


def _told_of_return(watch: AssembledWatch) -> str | None:
    if watch.returned is None:
        return None
    return f"{watch.returned}; the last good model, {watch.model}, runs in its place"
