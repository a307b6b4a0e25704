"""The model that runs for a watch: the one that is wanted, or the last good one in its place."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgecls.builds import model_settings, pair_settings
from edgecls.engines import Engines
from edgecls.errors import ModelError
from edgecls.good import Good
from edgecls.lastgood import LastGood
from edgecls.settings import Config, ModelSettings
from edgecls.vision.engine import Engine


@dataclass(frozen=True, slots=True)
class Picked:
    """A model with its engine."""

    model: str  # the name that the configuration calls it by
    settings: ModelSettings
    engine: Engine
    stands_in: str | None = None  # why its fallback runs
    returned: str | None = None  # why it runs, and not the one that is wanted

    def as_good(self) -> Good:
        """What is to be kept of it."""
        settings = self.settings
        if self.engine.accelerated and settings.fallback is None:
            pair = pair_settings(settings)  # the copy's name does not tell it
            settings = replace(settings, fallback=None if pair is None else pair.file)
        known = self.engine.model.metadata
        if settings.mean is None and known.mean:  # it may be known by the zip that it lies in
            settings = replace(settings, mean=known.mean, std=known.std)
        return Good.of(self.model, settings, self.engine)


def wanted(config: Config, engines: Engines, model: str) -> Picked:
    """As the configuration has it. Raises ModelError."""
    engine, stands_in = engines.of(config, model)
    return Picked(model, model_settings(config, model), engine, stands_in)


def returned(
    config: Config, engines: Engines, last_good: LastGood, watch: str, why: str
) -> Picked | None:
    """The last good model of a watch, where there is one. Raises ModelError."""
    good = last_good.of(watch).good
    if good is None:
        return None
    if good.engine is not None:
        return Picked(good.model, good.settings, good.engine, returned=why)
    settings = last_good.copy(good)
    copies = replace(config, models={**config.models, good.model: settings})
    engine, stands_in = engines.of(copies, good.model)
    if stands_in is None and engine.model.sha256 != good.sha256:
        raise ModelError(f"{settings.file}: is not the copy that was kept")
    if stands_in is None:
        engine.network = good.network
    return Picked(good.model, settings, engine, stands_in, returned=why)
