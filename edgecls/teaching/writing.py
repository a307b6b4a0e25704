"""The taught model as a file: the base's graph, the head behind it, and what it says of itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgecls.errors import ModelError
from edgecls.teaching.base import Base
from edgecls.teaching.describing import metadata, with_labels
from edgecls.teaching.head import Head
from edgecls.teaching.network import Network
from edgecls.vision.label_map import clean, fitted, plain_lines
from edgecls.vision.metadata import BUFFER_NAME
from edgecls.vision.model_file import ModelFile, extractor_of, model_of
from edgecls.vision.provenance import BUFFER_NAME as ORIGIN_BUFFER_NAME
from edgecls.vision.provenance import Origin, write_provenance
from edgecls.vision.quantization import Encoder

# Of the dequantization: later ones than these are unknown to old runtimes.
_DEQUANTIZE_VERSIONS = {"uint8": 1, "int8": 2, "int16": 3}


def taught_model(
    base: Base, head: Head, labels: Sequence[str], origin: Origin, *, min_score: float | None
) -> bytes:
    """A whole `.tflite`: the base's input, and float32 scores of shape (1, classes).

    A base for int8 RGB gets a uint8 input: MediaPipe and the Task Library know no other bytes.

    The same bytes for the same arguments. Labels are cleaned as those of any model are. Raises
    ModelError where labels, head and base do not fit together, or the base's mean and std cannot be
    said in a model file.
    """
    model = base.reading.model
    cleaned = _checked_labels(model, head, labels)
    if head.weights.shape[1:] != (base.dimensions,) or head.bias.shape != (len(cleaned),):
        raise ModelError(f"{model.path}: the head was fitted to embeddings of another base")
    network = _with_head(base, head)
    network.describe(
        BUFFER_NAME,
        metadata(
            base.reading.encoder,
            channels=model.channels,
            name=f"taught on {clean(base.name)}",
            description=", ".join(cleaned[:10]) + (", ..." if len(cleaned) > 10 else ""),
            min_score=min_score,
        ),
    )
    network.describe(ORIGIN_BUFFER_NAME, write_provenance(origin))
    content = with_labels(network.packed(), cleaned)
    _check(base, content, cleaned)
    return content


def _checked_labels(model: ModelFile, head: Head, labels: Sequence[str]) -> tuple[str, ...]:
    cleaned = fitted(labels, len(head.weights), "the head", "the list of labels")
    twice = next((label for label in cleaned if cleaned.count(label) > 1), None)
    if len(cleaned) < 2 or twice is not None:
        why = "a single class" if twice is None else f"two classes called {twice!r}"
        raise ModelError(f"{model.path}: a model for {why} cannot be taught")
    return cleaned


def _with_head(base: Base, head: Head) -> Network:
    path = base.reading.model.path
    given = extractor_of(path, base.backbone).output
    network = Network(path, base.backbone)
    network.drop_unreached()
    if _takes_signed_colours(base.reading.model):
        network.take_bytes()
    tensor, shape = network.output, given.shape
    if given.dtype != "float32":
        version = _DEQUANTIZE_VERSIONS[given.dtype]
        real = network.float_tensor(shape, "embedding, dequantized")
        network.then("DEQUANTIZE", (tensor,), real, network.options("DequantizeOptions"), version)
        tensor = real
    if space := [axis for axis, side in enumerate(shape[:-1]) if side != 1]:
        shape = (*(1 for _ in shape[:-1]), shape[-1])
        axes = network.constant(np.array(space, np.int32), "axes of space")
        mean = network.float_tensor(shape, "embedding, averaged over space")
        network.then("MEAN", (tensor, axes), mean, network.options("ReducerOptions", keepDims=True))
        tensor = mean
    if len(shape) != 2:
        shape = (1, shape[-1])
        sizes = network.constant(np.array(shape, np.int32), "shape of a row")
        row = network.float_tensor(shape, "embedding, as a row")
        options = network.options("ReshapeOptions", newShape=list(shape))
        network.then("RESHAPE", (tensor, sizes), row, options)
        tensor = row
    _append_head(network, tensor, head)
    return network


def _takes_signed_colours(model: ModelFile) -> bool:
    quantized = model.input.dtype == "int8" and bool(model.input.scale)
    return quantized and model.input.shape == (1, model.height, model.width, 3)


def _append_head(network: Network, embedding: int, head: Head) -> None:
    count = len(head.weights)
    weights = network.constant(np.ascontiguousarray(head.weights, np.float32), "head weights")
    bias = network.constant(np.ascontiguousarray(head.bias, np.float32), "head bias")
    logits = network.float_tensor((1, count), "logits")
    scores = network.float_tensor((1, count), "scores")
    options = network.options("FullyConnectedOptions")
    network.then("FULLY_CONNECTED", (embedding, weights, bias), logits, options)
    network.then("SOFTMAX", (logits,), scores, network.options("SoftmaxOptions", beta=1.0))
    network.output = scores


def _check(base: Base, content: bytes, labels: Sequence[str]) -> None:
    """Read the model back as anybody will, and see that it is fed and named as it was taught."""
    model = base.reading.model
    path = model.path
    written = model_of(path, content)
    assert written.metadata.labels is not None
    assert tuple(plain_lines(written.metadata.labels)) == tuple(labels)
    wanted = base.reading.encoder.table
    if written.input.dtype != model.input.dtype:
        wanted = wanted.view(np.uint8) ^ 0x80  # the same without a sign
    if not np.array_equal(wanted, Encoder(written).table):
        raise ModelError(
            f"{path}: these mean and std do not fit its input tensor, and a model file cannot say "
            "so; leave them out to feed it the pixel bytes"
        )
