"""The engine: owns one interpreter of one model, and turns pixels into scores."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType

from edgecls.domain import Pixels, Scores
from edgecls.errors import DelegateError, DelegateFault, ModelError
from edgecls.vision.activation import Decoder
from edgecls.vision.calibration import USUAL_THREADS
from edgecls.vision.delegates import EDGE_TPU, library_in_use, open_edge_tpu
from edgecls.vision.model_file import ModelFile, read_model, refuse_edge_tpu
from edgecls.vision.naming import labels_of
from edgecls.vision.quantization import Encoder, Numbers
from edgecls.vision.runtime import InterpreterOwner, LoadedDelegate, open_interpreter, runtime


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
    delegate: str = "auto",
) -> Reading:
    """Check a model, its labels and its settings. Raises ModelError."""
    model = read_model(Path(path), delegate)
    return Reading(
        model,
        labels_of(model, labels),
        Encoder(model, mean=mean, std=std),
        Decoder(model, activation=activation, temperature=temperature),
    )


@dataclass(frozen=True, slots=True)
class Placement:
    """What runs a model, by its graph and its settings; nothing was tried yet."""

    accelerated: bool
    reason: str  # why, for a person
    warning: str | None = None


def place(model: ModelFile, delegate: str) -> Placement:
    """Where a model goes with this `delegate` setting. Raises ModelError where it cannot."""
    if delegate not in ("auto", "cpu") and not delegate.startswith(EDGE_TPU):
        known = '"auto", "cpu" and "edgetpu"'
        raise ModelError(f'{model.path}: the delegate "{delegate}" is unknown; there are {known}')
    if delegate == "cpu":
        refuse_edge_tpu(model)
        return Placement(False, 'delegate = "cpu" is set')
    if model.edge_tpu:
        count, total = model.accelerated, len(model.operators)
        if count == total:
            return Placement(True, "the model is compiled for the Edge TPU")
        left = f"only {count} of its {total} operators are compiled for the Edge TPU"
        return Placement(True, left, f"{left}: the others run on the CPU")
    if delegate == "auto":
        return Placement(False, "the model is built for the CPU")
    reason = "the model is not compiled for the Edge TPU: it runs on the CPU"
    return Placement(False, reason, reason)


def open_delegate_for(model: ModelFile, delegate: str) -> LoadedDelegate:
    """The Edge TPU that a `delegate` setting names. Raises DelegateError."""
    try:
        return open_edge_tpu(delegate)
    except DelegateError as error:
        raise DelegateError(f"{model.path}: {error}") from error


class Engine(InterpreterOwner):
    """One model, loaded. For one thread; several watches may share it.

    Labels come from `labels` (names, or the path of a label file), else from `labels_file`, else
    from the model's metadata, else from NAME.labels.txt beside it, else from the zip that it lies
    in, else from labels.txt where it is the only model of its folder, else the classes are called
    "class 0", "class 1" and so on. Raises ModelError where anything of the model or its labels does
    not fit. `warnings` are sentences for a person.
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
        calibrate: Callable[[ModelFile], int] | None = None,
    ) -> None:
        """`prove` may refuse a model for the CPU, by ModelError, before it is loaded.
        `calibrate` says how many threads it gets where `threads` is 0."""
        reading = read(
            path,
            labels=labels_file if labels is None else labels,
            activation=activation,
            temperature=temperature,
            mean=mean,
            std=std,
            delegate=delegate,
        )
        placement = place(reading.model, delegate)
        if prove is not None and not placement.accelerated:
            prove(reading.model)
        self.model = reading.model
        self.network = reading.model.sha256  # the same for two builds of one network
        self.labels = reading.labels
        self.width = self.model.width
        self.height = self.model.height
        self.accelerated = placement.accelerated
        self.delegate = delegate.replace("auto", EDGE_TPU) if self.accelerated else "cpu"
        self.delegate_reason = placement.reason
        if self.accelerated:
            calibrate = _threads_beside_edge_tpu
        self.threads = threads or (calibrate or _usual_threads)(self.model)
        self._encoder, self._decoder = reading.encoder, reading.decoder
        self.sigmoid = reading.sigmoid
        self.warnings = reading.warnings + ((placement.warning,) if placement.warning else ())
        self._invoke_on_edge_tpu = _named_after(self.model.sha256)
        self.invoked_s: float | None = None  # since when an invoke on the Edge TPU is under way
        tpu = open_delegate_for(self.model, delegate) if self.accelerated else None
        self._interpreter = open_interpreter(self.model, self.threads, tpu)
        self.library = library_in_use() if self.accelerated else None
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
        """Run the model on what was loaded. Raises ModelError, of an Edge TPU DelegateFault."""
        try:
            if self.accelerated:
                self._invoke_on_edge_tpu(self)
            else:
                self._interpreter.invoke()
        except RuntimeError as error:
            reason = str(error).strip().split("\n")[0]
            if self.accelerated:
                where = f"{self.model.path}: the Edge TPU fails to run it"
                raise DelegateFault(f"{where}: {reason}") from error
            raise ModelError(f"{self.model.path}: fails when it runs: {reason}") from error

    def scores(self) -> Scores:
        """What the last run came to: float32 of shape (classes,), a fresh array."""
        return self._decoder.decode(self._interpreter.get_tensor(self._output))


def mark_of(sha256: str) -> str:
    """What a model is called where its name may be part of a function's."""
    return sha256[:12]


def _invoke_on_edge_tpu(engine: Engine) -> None:
    engine.invoked_s = time.monotonic()
    try:
        engine._interpreter.invoke()
    finally:
        engine.invoked_s = None


def _named_after(sha256: str) -> FunctionType:
    """A function for each model: should the process die in it, its name is what is left."""
    assert isinstance(_invoke_on_edge_tpu, FunctionType)
    code = _invoke_on_edge_tpu.__code__
    code = code.replace(co_name=f"{code.co_name}_{mark_of(sha256)}")
    return FunctionType(code, _invoke_on_edge_tpu.__globals__)


def _threads_beside_edge_tpu(model: ModelFile) -> int:
    """The CPU has work only where the model is compiled in part."""
    return 1 if model.accelerated == len(model.operators) else _usual_threads(model)


def _usual_threads(_: ModelFile) -> int:
    return min(USUAL_THREADS, len(os.sched_getaffinity(0)))
