"""What can be said of a model file without running it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgecls.errors import ModelError
from edgecls.vision.content import EDGE_TPU_OPERATOR
from edgecls.vision.engine import Reading, read
from edgecls.vision.graph import Tensor, read_graph
from edgecls.vision.label_map import numbered
from edgecls.vision.metadata import Metadata
from edgecls.vision.model_file import Ending, ModelFile, read_model
from edgecls.vision.provenance import Origin, read_provenance
from edgecls.vision.work import macs, parameters

_TWINS = 5  # labels of several classes that are told


@dataclass(frozen=True, slots=True)
class Inspection:
    """The facts of a model file. `macs` and `parameters` are of what a CPU computes of it."""

    path: Path
    packed: str | None  # its name in the zip that it lies in
    size: int  # bytes
    sha256: str
    input: Tensor
    output: Tensor
    classes: int
    ending: Ending
    metadata: Metadata
    labels: tuple[str, ...]  # none where it has none of its own
    operators: Mapping[str, int]  # the most frequent first
    accelerated: int  # how many of them an Edge TPU runs
    macs: int
    parameters: int
    origin: Origin | None  # of a model that edgecls taught
    warnings: tuple[str, ...]  # sentences for a person

    @property
    def runs_on(self) -> str:
        """Where it can run; in words for a person."""
        total = sum(self.operators.values())
        if not self.accelerated:
            return "CPU"
        if self.accelerated == total:
            return "Edge TPU, the whole graph; not without one"
        left = [name for name in self.operators if name != EDGE_TPU_OPERATOR]
        return (
            f"Edge TPU, {self.accelerated} of {total} operators; not without one "
            f"(on the CPU: {', '.join(left)})"
        )


def inspect(path: Path) -> Inspection:
    """Read a model file through. Raises ModelError where it is no image classifier."""
    model = read_model(path)
    graph = read_graph(model.content)
    reading, warnings = _reading(path, model)
    labels = reading.labels if reading.labels != numbered(model.classes) else ()
    return Inspection(
        path=path,
        packed=None if model.packed is None else model.packed.name,
        size=len(model.content),
        sha256=model.sha256,
        input=model.input,
        output=model.output,
        classes=model.classes,
        ending=model.ending,
        metadata=model.metadata,
        labels=labels,
        operators=dict(Counter(model.operators).most_common()),
        accelerated=model.accelerated,
        macs=macs(graph),
        parameters=parameters(graph),
        origin=read_provenance(model.content),
        warnings=(*warnings, *reading.warnings, *_doubts(model, labels)),
    )


def _reading(path: Path, model: ModelFile) -> tuple[Reading, tuple[str, ...]]:
    """With its own labels, or without them and with what is wrong with them."""
    try:
        return read(path), ()
    except ModelError as error:
        return read(path, labels=numbered(model.classes)), (str(error),)


def _doubts(model: ModelFile, labels: tuple[str, ...]) -> list[str]:
    doubts = []
    if model.input.dtype == "float32" and not model.metadata.mean:
        doubts.append("it does not say its normalisation; -1 to 1 is assumed, set mean and std")
    if model.ending is Ending.LOGITS:
        activation = "sigmoid" if model.outputs == 1 else "softmax"
        doubts.append(f"its graph ends in logits; edgecls applies a {activation}")
    if not labels:
        doubts.append("it has no labels: name a file by labels_file, or the classes are numbers")
    for label, count in Counter(labels).most_common(_TWINS):
        if count > 1:
            places = [f"#{place}" for place, each in enumerate(labels) if each == label]
            doubts.append(f"several classes are called {label!r}: {', '.join(places)}")
    return doubts
