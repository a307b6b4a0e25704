"""A watch that is ready to look: with its model, its decision, and whoever looks along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgecls import pipeline
from edgecls.decision.decider import Decider
from edgecls.domain import EndReason, Outcome
from edgecls.picked import Picked
from edgecls.pixels import View
from edgecls.settings import WatchSettings
from edgecls.shadow import Shadow
from edgecls.snapshots import Snapshots
from edgecls.trial import Lenient, Standing
from edgecls.turns import Turns, WatchTurn
from edgecls.vision.engine import Engine


@dataclass(frozen=True, slots=True)
class AssembledWatch:
    """One watch with all that it needs."""

    camera: str
    model: str  # the name that the configuration calls it by
    settings: WatchSettings
    engine: Engine
    eye: pipeline.Engine
    view: View
    decider: Decider
    snapshots: Snapshots
    picked: Picked
    standing: Standing | None = None  # of a live camera
    shadow: Shadow | None = None
    shadowless: str | None = None  # why it has none, though one is wanted
    refused: str | None = None  # why a model that was set has not taken its place
    onlookers: Sequence[pipeline.Onlooker] = ()
    whole: View | None = None  # its region in all its pixels, where a camera must be asked for it

    @property
    def stands_in(self) -> str | None:
        """Why its model takes the place of one for an accelerator."""
        return self.picked.stands_in

    @property
    def returned(self) -> str | None:
        """Why its last good model runs in the place of the one that is wanted."""
        return self.picked.returned

    @property
    def shadow_failure(self) -> str | None:
        """Why no shadow looks along, though one is wanted."""
        return self.shadowless if self.shadow is None else self.shadow.failure

    @property
    def wants_shadow(self) -> bool:
        """One is wanted, and nobody has tried to load it yet."""
        wanted = self.settings.shadow
        untried = self.shadow is None and self.shadowless is None
        return untried and wanted is not None and wanted != self.model

    def runs_same_model(self, other: AssembledWatch) -> bool:
        """By its name, and by the file that the name stands for."""
        return self.model == other.model and self.engine.network == other.engine.network

    def going_on_as(self, fresh: AssembledWatch) -> AssembledWatch:
        """A fresh one with what this one, of the same engine, has seen."""
        going_on = self.shadow is not None and fresh.shadow is not None
        if going_on and self.shadow.goes_on_as(fresh.shadow):  # type: ignore[union-attr,arg-type]
            fresh = replace(fresh, shadow=self.shadow)
        return replace(fresh, decider=self.decider, standing=self.standing)

    def is_as(self, other: AssembledWatch) -> bool:
        """There is nothing that the other one does not have."""
        told = (self.settings, self.picked, self.shadow, self.shadowless)
        return told == (other.settings, other.picked, other.shadow, other.shadowless)

    def judged_by(self, settings: WatchSettings) -> AssembledWatch:
        """Judge by other settings from the next frame on. Raises ConfigError, and nothing has
        changed."""
        self.decider.reconfigure(settings)
        if self.standing is not None:
            self.standing.judged_anew()
        shadow = None if self.shadow is None else self.shadow.judged_by(settings)
        return replace(self, settings=settings, shadow=shadow)

    @property
    def topics(self) -> Sequence[tuple[str, str]]:
        """The (label, slug) that have a topic of their own: those of `labels`."""
        return [(each.label, each.slug) for each in self.decider.watched or ()]

    def turn(self) -> WatchTurn:
        """Its place among those that take turns: a new one."""
        return WatchTurn(self.camera, self.settings.max_fps, self.settings.enabled)

    def gone(self, reason: EndReason, turns: Turns) -> Outcome:
        """Nobody looks any more, from now on: what is to be told."""
        return self.decider.gone(reason, turns.moment(self.camera))

    def for_pipeline(self) -> pipeline.Watch:
        """What the loop needs of it."""
        inside = f"an invoke of {self.model}"
        eye = self.eye
        if self.standing is not None:
            eye = Lenient(eye, self.standing, len(self.engine.labels))
        rival = None if self.standing is None else self.standing.rival
        ours = [each for each in (self.standing, self.shadow, rival) if each is not None]
        return pipeline.Watch(
            eye, self.decider, self.snapshots, inside, onlookers=[*self.onlookers, *ours]
        )
