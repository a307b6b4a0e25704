"""What a model is taught on: a base, without its last layer, and the embeddings it makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecls.domain import Pixels
from edgecls.errors import DelegateFault, ModelError
from edgecls.settings import ModelSettings
from edgecls.teaching.cutting import find_cut, steps_before
from edgecls.teaching.network import Network
from edgecls.vision.activation import Decoder
from edgecls.vision.engine import Reading, open_delegate_for, place
from edgecls.vision.graph import Graph, read_graph
from edgecls.vision.label_map import plain_lines
from edgecls.vision.model_file import Ending, ModelFile, extractor_of, read_extractor
from edgecls.vision.quantization import Encoder, Numbers, bytes_as_they_are
from edgecls.vision.runtime import InterpreterOwner, open_interpreter

_MOST_PIXELS, _MOST_NUMBERS = 1 << 24, 1 << 17  # of a picture, of an embedding: more is damage
_REMEMBERING = ("LSTM", "RNN", "SVDF", "ASSIGN_VARIABLE")  # ends of the names of operators
_LARGEST_SPACE = 16  # an output with more places than a 16th of the picture's is a picture itself

Embedding = NDArray[np.float32]
"""What a base makes of a picture: float32, shape (dimensions,)."""


@dataclass(frozen=True, slots=True)
class Base:
    """A model without its last weighted layer: what turns a picture into an embedding."""

    name: str
    sha256: str  # of the base's file
    reading: Reading  # of the base; its labels are those inside the file, if any
    backbone: bytes = field(repr=False)  # a .tflite whose only output is the embedding
    dimensions: int  # numbers in an embedding, averaged over space where it has any
    delegate: str  # as ModelSettings.delegate


def read_base(settings: ModelSettings, name: str | None = None) -> Base:
    """The base of these settings, whose `file` is a path; `name` is what it is called.

    A classifier is cut before its last layer, an embedding extractor taken whole. Raises ModelError
    where it is neither, cannot be cut, or remembers earlier pictures; EdgeclsError where this
    system cannot change models.
    """
    model = read_extractor(Path(settings.file), settings.delegate)
    if model.width * model.height > _MOST_PIXELS:
        raise ModelError(f"{model.path}: wants pictures of {model.width}x{model.height} pixels")
    graph = read_graph(model.content)
    _check_memory(model, graph)
    reading = Reading(model, _labels(model), _encoder(model, settings), Decoder(model))
    place(model, settings.delegate)
    scores = model.ending is not Ending.LOGITS or bool(reading.labels)
    cut = find_cut(graph, classifier=scores)
    backbone = model.content
    if cut is None:
        _check_extractor(model, graph, scores=scores)
    else:
        if not steps_before(graph, cut.tensor):
            raise ModelError(f"{model.path}: has a single layer, and nothing to build on before it")
        backbone = _cut(model, cut.tensor, cut.flat)
    dimensions = extractor_of(model.path, backbone).outputs
    if dimensions > _MOST_NUMBERS:
        raise ModelError(f"{model.path}: its embedding has {dimensions} numbers: too many to teach")
    return Base(
        name=model.name if name is None else name,
        sha256=model.sha256,
        reading=reading,
        backbone=backbone,
        dimensions=dimensions,
        delegate=settings.delegate,
    )


class Embedder(InterpreterOwner):
    """Makes embeddings, by one interpreter. For one thread."""

    def __init__(self, base: Base, *, threads: int = 1) -> None:
        """Raises ModelError, of an Edge TPU DelegateError."""
        self._model = extractor_of(base.reading.model.path, base.backbone)
        self._encoder = base.reading.encoder
        self._accelerated = place(self._model, base.delegate).accelerated
        self.width, self.height = self._model.width, self._model.height
        tpu = open_delegate_for(self._model, base.delegate) if self._accelerated else None
        self._interpreter = open_interpreter(self._model, threads, tpu)
        try:
            self._input: int = self._interpreter.get_input_details()[0]["index"]
            self._output: int = self._interpreter.get_output_details()[0]["index"]
        except UnicodeDecodeError as error:
            raise ModelError(f"{self._model.path}: is damaged: {error}") from error

    def embed(self, pixels: Pixels) -> Embedding:
        """The embedding of RGB uint8 pixels of shape (height, width, 3); a fresh array.

        It is what the head in a taught model gets: dequantized, averaged over space. Raises
        ModelError, of an Edge TPU DelegateFault.
        """
        self._interpreter.set_tensor(self._input, self._encoder.encode(pixels))
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            kind = DelegateFault if self._accelerated else ModelError
            reason = str(error).strip().split("\n")[0]
            raise kind(f"{self._model.path}: fails when it runs: {reason}") from error
        output, values = self._model.output, self._interpreter.get_tensor(self._output)
        if output.dtype != "float32":
            zero_point = output.zero_point[0] if output.zero_point else 0
            values = (values.astype(np.float32) - zero_point) * np.float32(output.scale[0])
        embedding: Embedding = values.reshape(-1, self._model.outputs).mean(0, dtype=np.float32)
        return embedding


def _cut(model: ModelFile, tensor: int, flat: int | None) -> bytes:
    network = Network(model.path, model.content)
    network.output = tensor
    if flat is not None:
        shape = (prod(network.shape(tensor)) // flat, flat)
        network.output = network.like(tensor, shape, "embedding")
        sizes = network.constant(np.array(shape, np.int32), "shape of the embedding")
        options = network.options("ReshapeOptions", newShape=list(shape))
        network.then("RESHAPE", (tensor, sizes), network.output, options)
    network.drop_unreached()
    return network.packed()


def _check_memory(model: ModelFile, graph: Graph) -> None:
    """Raise ModelError for a model whose answer depends on the pictures before."""
    name = next((each.name for each in graph.operators if each.name.endswith(_REMEMBERING)), None)
    if name is not None:
        raise ModelError(
            f"{model.path}: remembers the pictures that it saw before ({name}): their embeddings "
            "would depend on the order; take another base"
        )


def _check_extractor(model: ModelFile, graph: Graph, *, scores: bool) -> None:
    """Raise ModelError for a model that is neither cut nor an embedding extractor."""
    if scores and model.edge_tpu:
        raise ModelError(
            f"{model.path}: is a classifier that was compiled for the Edge TPU, and its last layer "
            "cannot be taken off; teach on its CPU build, or on an embedding extractor compiled "
            "for the Edge TPU, such as Coral publishes"
        )
    if scores:
        raise ModelError(f"{model.path}: its graph ends in no layer that could be taken off")
    if not steps_before(graph, graph.outputs[0]):
        raise ModelError(f"{model.path}: computes nothing of the picture")
    shape = model.output.shape
    if prod(shape[:-1]) * _LARGEST_SPACE > model.width * model.height or shape[-1] < 2:
        sides = "x".join(map(str, shape))
        raise ModelError(
            f"{model.path}: is neither a classifier nor an embedding extractor: its output is of "
            f"shape {sides}"
        )


def _encoder(model: ModelFile, settings: ModelSettings) -> Encoder:
    """As the base is fed, with mean and std as metadata can say them: in 32 bits.

    Where that is a step away from the pixel bytes at most, it is the bytes themselves: other
    libraries feed a quantized model nothing else, and shall see what the head was fitted to.
    """
    encoder = Encoder(model, mean=_in_32_bits(settings.mean), std=_in_32_bits(settings.std))
    if model.input.dtype == "float32":
        return encoder
    mean, std = bytes_as_they_are(model)
    plain = Encoder(model, mean=mean, std=std)
    apart = np.abs(encoder.table.astype(int) - plain.table).max()
    return plain if 0 < apart <= 1 else encoder


def _in_32_bits(numbers: Numbers | None) -> Numbers | None:
    if numbers is None:
        return None
    if isinstance(numbers, Sequence):
        return [float(np.float32(number)) for number in numbers]
    return float(np.float32(numbers))


def _labels(model: ModelFile) -> tuple[str, ...]:
    return () if model.metadata.labels is None else tuple(plain_lines(model.metadata.labels))
