"""The nouns of edgecls. All are frozen; scores are plain floats once they leave the engine.

Times: `*_ns` is the monotonic clock in nanoseconds, `*_s` are seconds, `ts` is the wall clock in
seconds since 1970 (only for what people read), `decision_s` is decision time: the capture time of a
live source, the media time of a file or folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""RGB, uint8, shape (height, width, 3)."""

Scores = NDArray[np.float32]
"""One score per class, shape (classes,), in [0, 1] unless the model misbehaves."""


class Box(NamedTuple):
    """A rectangle of whole pixels of an image."""

    x: int
    y: int
    width: int
    height: int


class Image(Protocol):
    """The pixels of a frame, wherever they lie and in whatever format they came."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    def sample(self, box: Box, width: int, height: int) -> Pixels:
        """The box, brought to width x height by linear sampling without anti-aliasing.

        The pixel centres are those of OpenCV's INTER_LINEAR, whatever the implementation. The
        array may be a view of the frame: who keeps it beyond the frame copies it.
        """
        ...

    def copy(self) -> Image:
        """The same image, for who keeps it beyond the frame: a device may take its memory back."""
        ...


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was seen, by every clock that matters."""

    decision_s: float
    ts: float
    handed_ns: int
    media_s: float | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured image, its camera, its times and its number at that camera (from 0)."""

    camera: str
    index: int
    image: Image
    captured_ns: int  # monotonic, when the light fell on the sensor, as far as the source knows
    handed_ns: int  # monotonic, when the source handed it over
    ts: float  # wall clock at hand-over
    media_s: float | None = None  # files and folders: rises on across loops

    @property
    def moment(self) -> Moment:
        """Decision time is media time where there is one, else the time of capture."""
        decision_s = self.captured_ns / 1e9 if self.media_s is None else self.media_s
        return Moment(decision_s, self.ts, self.handed_ns, self.media_s)


@dataclass(frozen=True, slots=True)
class Category:
    """A class of the model, or a group of them (then `index` is None), and its score."""

    index: int | None
    label: str
    score: float
    slug: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model said of one frame, and how long that took."""

    scores: Scores
    preprocess_ms: float
    inference_ms: float


class Verdict(StrEnum):
    """Whether a frame's best category may be believed."""

    ACCEPTED = "accepted"
    AMBIGUOUS = "ambiguous"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why a frame was not accepted."""

    INVALID = "invalid"
    NOTHING = "nothing"
    NOT_WATCHED = "not_watched"
    LOW_SCORE = "low_score"
    LOW_MARGIN = "low_margin"

    @property
    def verdict(self) -> Verdict:
        ambiguous = self in (Reason.LOW_SCORE, Reason.LOW_MARGIN)
        return Verdict.AMBIGUOUS if ambiguous else Verdict.REJECTED


@dataclass(frozen=True, slots=True)
class Classification:
    """A prediction judged: the best categories, best first, and the reason of a refusal."""

    top: tuple[Category, ...]
    reason: Reason | None  # None: accepted
    preprocess_ms: float = 0.0
    inference_ms: float = 0.0

    @property
    def verdict(self) -> Verdict:
        return Verdict.ACCEPTED if self.reason is None else self.reason.verdict


@dataclass(frozen=True, slots=True)
class State:
    """The stable label of a watch; NO_STATE when there is none."""

    label: str | None
    slug: str | None = None
    index: int | None = None
    since: float | None = None  # wall clock of the frame that began it
    score: float | None = None  # the label's score in the newest frame, whatever its verdict


NO_STATE = State(None)


@dataclass(frozen=True, slots=True)
class Kept:
    """What must survive a restart. Durations, because the clock they were taken by does not."""

    model: str
    state: State = NO_STATE
    lasted_s: float = 0.0  # how long the state has lasted, in decision time
    max_score: float = 0.0
    published: bool = True  # whether its start was published, and so its end will be
    starts: tuple[tuple[str, int | None, float], ...] = ()
    """Label, index and seconds since its last published start, while cooldown_s matters."""


class Phase(StrEnum):
    """What happened to a state, or to the events that would tell of it (`gap`)."""

    START = "start"
    END = "end"
    GAP = "gap"


class EndReason(StrEnum):
    """Why a state ended."""

    NO_SUPPORT = "no_support"
    REPLACED = "replaced"
    CAMERA_STALLED = "camera_stalled"
    SOURCE_ENDED = "source_ended"
    DISABLED = "disabled"
    REMOVED = "removed"
    MODEL_CHANGED = "model_changed"


@dataclass(frozen=True, slots=True)
class LabelEvent:
    """A state began or ended. Number, id and age are given by the delivery."""

    phase: Phase
    watch: str
    model: str
    label: str
    slug: str
    score: float
    top: tuple[Category, ...]
    ts: float
    handed_ns: int  # hand-over of the frame that caused it: its age runs from here
    media_s: float | None = None
    duration_s: float | None = None  # end only, in decision time
    max_score: float | None = None  # end only
    reason: EndReason | None = None  # end only


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one frame of one watch came to, or what its absence came to (`classification` None)."""

    watch: str
    ts: float
    state: State
    classification: Classification | None
    changed: bool = False  # another label than before this frame
    events: tuple[LabelEvent, ...] = ()
    withheld: int = 0  # events not published because of cooldown_s
    handed_ns: int = 0  # monotonic, hand-over of the frame
    kept: Kept | None = None  # what a restart goes on from
    # The crop that decided, where one is wanted.
    snapshot: Pixels | None = field(default=None, repr=False, compare=False)
