"""Classify pictures from Python.

```python
from edgecls import Classifier

with Classifier("model.tflite") as classifier:
    answer = classifier.classify("cat.jpg")
    print(answer.top[0].label, answer.top[0].score, answer.verdict, answer.reason)
```
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from edgecls.decision.judge import Judge
from edgecls.domain import Classification, Pixels
from edgecls.errors import UsageError
from edgecls.pictures import rgb_array
from edgecls.pixels import ArrayImage, View, prepare
from edgecls.settings import (
    REGION,
    DecisionSettings,
    ModelSettings,
    Rule,
    WatchSettings,
    is_region,
)
from edgecls.vision.engine import Engine
from edgecls.vision.eye import Eye
from edgecls.vision.quantization import Numbers

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

_log = logging.getLogger(__name__)

_WHOLE = (0.0, 0.0, 1.0, 1.0)


class Classifier:
    """A `.tflite` model that classifies pictures and says whether its answer may be believed.

    `model`: its path, or that of a zip with it, as Teachable Machine and Edge Impulse have it.
    `labels`: a label file or the names themselves; default: those inside the model.
    `threads`: 0 leaves the choice to edgecls. `resize`: "crop" (the central part in the shape
    of the input), "fit" (all of it, on black) or "stretch". `region`: (x, y, width, height) as
    fractions of the picture. `min_score`, `min_margin`: below them an answer is ambiguous; the
    default of `min_score` is what the model's metadata recommend, else 0.6.
    `delegate`: "auto", "cpu", "edgetpu", "edgetpu:usb:0" or "edgetpu:pci:0"; a model that is
    compiled for the Edge TPU is run there unproved, and never on the CPU instead.
    `groups`: {"dog": ["#152-269"]}, scores are summed. `watch`: groups or labels that are looked
    for; others are rejected. `mean`, `std`: input = (pixel - mean) / std, one number or one per
    channel. `activation`: "auto", "softmax", "sigmoid" or "none"; `temperature` divides the logits
    before it.

    Raises ModelError for a model or labels that cannot be used, DelegateError (a ModelError) where
    its Edge TPU cannot be, UsageError (a ValueError) for an argument out of range, ConfigError for
    groups or labels that the model does not have. Not to be used from two threads at once.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        labels: str | Path | Sequence[str] | None = None,
        threads: int = 1,
        resize: str = WatchSettings.resize,
        region: Sequence[float] | None = None,
        min_score: float | None = None,
        min_margin: float = DecisionSettings.min_margin,
        groups: Mapping[str, Sequence[str]] | None = None,
        watch: Sequence[str] | None = None,
        mean: Numbers | None = ModelSettings.mean,
        std: Numbers | None = ModelSettings.std,
        activation: str = ModelSettings.activation,
        temperature: float = ModelSettings.temperature,
        delegate: str = ModelSettings.delegate,
    ) -> None:
        _check(ModelSettings, threads=threads, activation=activation, temperature=temperature)
        _check(ModelSettings, delegate=delegate)
        _check(DecisionSettings, min_margin=min_margin)
        if min_score is not None:
            _check(DecisionSettings, min_score=min_score)
        _check(WatchSettings, resize=resize)
        place = _region(region)
        self._engine = Engine(
            model,
            labels=labels,
            threads=threads,
            activation=activation,
            temperature=temperature,
            mean=mean,
            std=std,
            delegate=delegate,
        )
        for warning in self._engine.warnings:
            _log.warning("%s: %s", self._engine.model.name, warning)
        recommended = self._engine.model.metadata.min_score
        decision = DecisionSettings(min_score=min_score, min_margin=min_margin).advised(recommended)
        settings = WatchSettings(
            model=str(model), labels=watch, groups=groups or {}, decision=decision
        )
        self._judge = Judge(self._engine.labels, settings, sigmoid=self._engine.sigmoid)
        view = View(self._engine.width, self._engine.height, place, resize)
        self._eye = Eye(self._engine, view)
        prepare()

    @property
    def labels(self) -> tuple[str, ...]:
        """The label of each class."""
        return self._engine.labels

    @property
    def engine(self) -> Engine:
        """The loaded model: its facts, its runtime, its warnings."""
        return self._engine

    @property
    def min_score(self) -> float:
        """The least score in force."""
        return self._judge.least_score

    @property
    def view(self) -> View:
        """Which part of a picture the model sees, and how."""
        return self._eye.view

    def classify(self, image: str | Path | PillowImage | Pixels, top: int = 5) -> Classification:
        """The `top` best categories of a picture, best first, and whether to believe them.

        `image` is a path (JPEG, PNG, BMP, WebP), a PIL image or an RGB uint8 array of shape
        (height, width, 3). Raises PictureError where it cannot be read, UsageError for anything
        else. `preprocess_ms` begins after reading the picture; `inference_ms` is the model alone.
        """
        prediction = self._eye.look_at(ArrayImage(rgb_array(image)))
        return self._judge.judge(
            prediction.scores,
            top,
            preprocess_ms=prediction.preprocess_ms,
            inference_ms=prediction.inference_ms,
        )

    def close(self) -> None:
        """Give the model's memory back; the classifier is of no use afterwards."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check(table: type[Any], **values: Any) -> None:
    """The ranges of the configuration hold for arguments as well."""
    rules: dict[str, Rule] = {
        field.name: field.metadata["rule"] for field in fields(table) if field.metadata
    }
    for name, value in values.items():
        if (allowed := rules[name].instead_of(value)) is not None:
            raise UsageError(f"{name} must be {allowed}, not {value!r}")


def _region(region: Sequence[float] | None) -> tuple[float, float, float, float]:
    if region is None:
        return _WHOLE
    if not is_region(region):
        raise UsageError(f"region must be {REGION}, not {list(region)}")
    x, y, width, height = region
    return float(x), float(y), float(width), float(height)
