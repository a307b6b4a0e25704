"""The engine: owns one interpreter of one model, and turns pixels into scores."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edgecls.domain import Pixels, Scores
from edgecls.errors import DelegateError, ModelError
from edgecls.vision.activation import Decoder
from edgecls.vision.label_map import fitted, numbered, plain_lines, read_names
from edgecls.vision.model_file import ModelFile, read_model, refuse_edge_tpu
from edgecls.vision.quantization import Encoder, Numbers
from edgecls.vision.runtime import Interpreter, open_interpreter, runtime

_MOST_THREADS = 4  # more slow these small models down


@dataclass(frozen=True, slots=True)
class Reading:
    """A model with its labels and the ways into and out of its tensors; no runtime is needed."""

    model: ModelFile
    labels: tuple[str, ...]
    encoder: Encoder
    decoder: Decoder

    @property
    def sigmoid(self) -> bool:
        """The scores are independent of each other."""
        return self.decoder.sigmoid

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may be wrong with how its numbers are meant; sentences for a person."""
        return self.encoder.warnings + self.decoder.warnings


def read(
    path: str | Path,
    *,
    labels: str | Path | Sequence[str] | None = None,
    activation: str = "auto",
    temperature: float = 1.0,
    mean: Numbers | None = None,
    std: Numbers | None = None,
) -> Reading:
    """Check a model, its labels and its settings. Raises ModelError."""
    model = read_model(Path(path))
    return Reading(
        model,
        _labels(model, labels),
        Encoder(model, mean=mean, std=std),
        Decoder(model, activation=activation, temperature=temperature),
    )


def refuse_delegate(path: str | Path, delegate: str, model: ModelFile) -> None:
    """Raise DelegateError where a model or its settings want an accelerator: none is supported."""
    if delegate not in ("auto", "cpu"):
        raise DelegateError(f'{path}: the delegate "{delegate}" is not available; use "cpu"')
    refuse_edge_tpu(model)


class Engine:
    """One model, loaded. For one thread; several watches may share it.

    Labels come from `labels` (names, or the path of a label file), else from `labels_file`, else
    from the model's metadata, else the classes are called "class 0", "class 1" and so on. Raises
    ModelError where anything of the model or its labels does not fit. `warnings` are sentences for
    a person.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        labels_file: str | Path | None = None,
        labels: str | Path | Sequence[str] | None = None,
        threads: int = 1,
        activation: str = "auto",
        temperature: float = 1.0,
        mean: Numbers | None = None,
        std: Numbers | None = None,
        delegate: str = "cpu",
        prove: Callable[[ModelFile], None] | None = None,
    ) -> None:
        """`prove` may refuse the model, by ModelError, after the check and before it is loaded."""
        reading = read(
            path,
            labels=labels_file if labels is None else labels,
            activation=activation,
            temperature=temperature,
            mean=mean,
            std=std,
        )
        refuse_delegate(path, delegate, reading.model)
        if prove is not None:
            prove(reading.model)
        self.model = reading.model
        self.labels = reading.labels
        self.width = self.model.width
        self.height = self.model.height
        self.delegate = "cpu"
        self.threads = threads or min(_MOST_THREADS, len(os.sched_getaffinity(0)))
        self._encoder, self._decoder = reading.encoder, reading.decoder
        self.sigmoid = reading.sigmoid
        self.warnings = reading.warnings
        self._interpreter: Interpreter = open_interpreter(self.model, self.threads)
        self._input: int = self._interpreter.get_input_details()[0]["index"]
        self._output: int = self._interpreter.get_output_details()[0]["index"]

    @property
    def runtime(self) -> str:
        """Name and version of the runtime, for example "ai-edge-litert 2.3.0"."""
        return runtime()

    def infer(self, pixels: Pixels) -> Scores:
        """The scores of RGB uint8 pixels of shape (height, width, 3); a fresh array."""
        self.load(pixels)
        self.invoke()
        return self.scores()

    def load(self, pixels: Pixels) -> None:
        """Put the pixels into the input tensor."""
        self._interpreter.set_tensor(self._input, self._encoder.encode(pixels))

    def invoke(self) -> None:
        """Run the model on what was loaded."""
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            reason = str(error).strip().split("\n")[0]
            raise ModelError(f"{self.model.path}: fails when it runs: {reason}") from error

    def scores(self) -> Scores:
        """What the last run came to: float32 of shape (classes,), a fresh array."""
        return self._decoder.decode(self._interpreter.get_tensor(self._output))

    def close(self) -> None:
        """Give the interpreter's memory back; the engine is of no use afterwards."""
        if hasattr(self, "_interpreter"):
            del self._interpreter

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _labels(model: ModelFile, given: str | Path | Sequence[str] | None) -> tuple[str, ...]:
    """One label for each class of the model; a single output may have the name of its "yes"."""
    if isinstance(given, (str, Path)):
        names, where = read_names(Path(given), model.classes), f"{given}"
    elif given is not None:
        names, where = list(given), "the list of labels"
    elif model.metadata.labels is not None:
        names, where = plain_lines(model.metadata.labels), f"{model.path}: the label file inside"
    else:
        return numbered(model.classes)
    if model.outputs == 1 and len(names) == 1:
        names = [f"not {names[0]}", names[0]]
    return fitted(names, model.classes, model.name, where)
