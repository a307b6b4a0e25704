"""What is known of the models of a watch: the last good one, one that is on trial, one that failed,
and the one that looks along.

It can be written as JSON, and read again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from edgecls.config import model_table
from edgecls.settings import ModelSettings
from edgecls.trial import Share
from edgecls.vision.engine import Engine

_MOST_FRAMES = 10**12
_MOST_ENDED = 3  # processes in a row: the model is to blame
_MOST_OF_NAME = 50  # characters, of 4 bytes each: a file's name may have 255 bytes


@dataclass(frozen=True, slots=True)
class Good:
    """A model as it runs, or ran, for a watch."""

    model: str  # the name that the configuration calls it by
    sha256: str
    network: str
    settings: ModelSettings  # `file` and `labels_file` are the names of the copies
    engine: Engine | None = field(default=None, repr=False, compare=False)  # None: on disk only

    @classmethod
    def of(cls, model: str, settings: ModelSettings, engine: Engine) -> Self:
        """What is to be kept of a model that runs."""
        mark = hashlib.sha256("\n".join([engine.model.sha256, *engine.labels]).encode())
        file = f"{mark.hexdigest()[:12]}-{engine.model.name[-_MOST_OF_NAME:]}.tflite"
        labels = f"{file.removesuffix('.tflite')}.labels.csv"
        here = replace(settings, file=file, labels_file=labels)
        return cls(model, engine.model.sha256, engine.network, here, engine)

    @property
    def files(self) -> tuple[str, str]:
        """The names of the copies of the model and of its labels."""
        assert self.settings.labels_file is not None
        return self.settings.file, self.settings.labels_file


@dataclass(frozen=True, slots=True)
class Refused:
    """A model that did not pass its trial: it is not tried again until somebody asks for it."""

    sha256: str
    why: str  # a sentence
    baseline: Share | None  # of the good model, where it was compared with that
    failed: bool = False  # when it ran, and not in comparison


@dataclass(frozen=True, slots=True)
class Tried:
    """A model that has yet to prove itself, though another one is good."""

    sha256: str
    baseline: Share | None  # what it is compared with
    ended: int = 0  # processes in a row that ran it, and came to no orderly end


@dataclass(frozen=True, slots=True)
class Beside:
    """A model that looks along as the shadow: it may take the process along as well."""

    sha256: str
    ended: int = 0  # processes in a row that loaded it, and came to no orderly end
    harmless: bool = False  # it has looked along for long: later ends are not its doing

    @property
    def is_blamed(self) -> bool:
        """It is not loaded again until somebody asks for it."""
        return not self.harmless and self.ended >= _MOST_ENDED


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the models of a watch."""

    good: Good | None = None
    refused: Refused | None = None
    tried: Tried | None = None
    beside: Beside | None = None


def written(known: Known) -> bytes:
    """As JSON. Of the settings, what is not said is left out."""
    whole: dict[str, Any] = {}
    if (good := known.good) is not None:
        settings = {key: value for key, value in asdict(good.settings).items() if value is not None}
        whole["good"] = {
            "model": good.model, "sha256": good.sha256, "network": good.network,
            "settings": settings,
        }  # fmt: skip
    if known.refused is not None:
        whole["refused"] = asdict(known.refused)
    if known.tried is not None:
        whole["tried"] = asdict(known.tried)
    if known.beside is not None:
        whole["beside"] = asdict(known.beside)
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def understood(whole: Any) -> Known:
    """The contrary. Raises ValueError or ConfigError."""
    known = Known()
    match whole:
        case {"good": {"model": str(model), "sha256": str(sha256), "network": str(network),
                       "settings": dict(settings)}}:  # fmt: skip
            table = model_table(settings, "good")
            if {Path(name or "").name for name in (table.file, table.labels_file)} != {
                table.file, table.labels_file,
            }:  # fmt: skip
                raise ValueError("the copies must lie beside it")
            known = Known(Good(model, sha256, network, table))
        case {"good": _}:
            raise ValueError("not understood")
    match whole:
        case {"refused": {"sha256": str(sha256), "why": str(why), "baseline": baseline, **more}}:
            failed = more.get("failed", False) is True
            known = replace(known, refused=Refused(sha256, why, _share(baseline), failed))
    match whole:
        case {"tried": {"sha256": str(sha256), "baseline": baseline, **more}}:
            ended = more.get("ended", 0)
            if not isinstance(ended, int):
                raise ValueError("not understood")
            known = replace(known, tried=Tried(sha256, _share(baseline), ended))
    return replace(known, beside=_beside(whole))


def _beside(whole: Any) -> Beside | None:
    """What is wrong in it counts for none: a good model must not be lost with it."""
    match whole:
        case {"beside": {"sha256": str(sha256), "ended": int(ended), "harmless": bool(harmless)}}:
            if 0 <= ended <= _MOST_ENDED:
                return Beside(sha256, ended, harmless)
    return None


def told_of(known: Known, sha256: str) -> str | None:
    """That another model runs, or ran last, than the one that is wanted; None where nobody knows of
    one."""
    good, refused, tried = known.good, known.refused, known.tried
    if good is None:
        return None
    if tried is None and refused is not None and sha256 in (good.sha256, refused.sha256):
        return f"the daemon runs its last good model, {good.model}: {refused.why}"
    ran = good.sha256 if tried is None else tried.sha256
    if ran == sha256:
        return None
    return "another model than this ran last: one was set over MQTT, or this file is new"


def _share(said: Any) -> Share | None:
    match said:
        case None:
            return None
        case [int(watched), int(ambiguous)] if 0 <= ambiguous <= watched <= _MOST_FRAMES:
            return Share(watched, ambiguous)
    raise ValueError("not understood")


def blamed(known: Known) -> Known:
    """A model that ended one process after another is not tried again by itself."""
    tried = known.tried
    if known.good is None or tried is None or tried.ended < _MOST_ENDED:
        return known
    why = f"{tried.ended} processes in a row ended while the new model was on trial"
    refused = Refused(tried.sha256, why, tried.baseline, failed=True)
    return replace(known, refused=refused, tried=None)
