"""What a `.tflite` file is: read once, checked before any runtime sees it, and described.

It may lie in a zip.

Everything that is no single-input image classifier ends here, in one sentence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from edgecls.errors import ModelError
from edgecls.vision.archive import Packed
from edgecls.vision.content import EDGE_TPU_OPERATOR, model_content
from edgecls.vision.flatbuffer import DamagedError
from edgecls.vision.graph import Graph, RefusedError, Tensor, read_graph
from edgecls.vision.makers import with_normalisation
from edgecls.vision.metadata import BUFFER_NAME, Metadata, read_metadata

_DTYPES = ("uint8", "int8", "float32")
_EMBEDDING_DTYPES = (*_DTYPES, "int16")
# What may stand behind the last real step of a classifier without changing which score is whose.
_TRANSPARENT = ("RESHAPE", "SQUEEZE", "QUANTIZE", "DEQUANTIZE")


class Ending(StrEnum):
    """How the graph ends: what its outputs are."""

    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"
    LOGITS = "logits"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The facts of an image classifier."""

    path: Path
    content: bytes = field(repr=False)  # what was checked is what is run
    sha256: str
    input: Tensor
    width: int  # of the input, pixels
    height: int
    channels: int  # 1: grey, 3: RGB
    channels_first: bool
    output: Tensor
    outputs: int  # numbers in the output; a single one stands for two classes
    ending: Ending
    operators: tuple[str, ...]
    edge_tpu: bool  # compiled for the Edge TPU: a CPU cannot run it
    metadata: Metadata
    packed: Packed | None = None  # where it lies in a zip: the path is the zip's

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

    @property
    def accelerated(self) -> int:
        """How many of `operators` an Edge TPU runs: each is a part of the graph, compiled whole."""
        return self.operators.count(EDGE_TPU_OPERATOR)

    @property
    def classes(self) -> int:
        """How many classes there are: the single output p stands for [1 - p, p]."""
        return max(2, self.outputs)


def refuse_edge_tpu(model: ModelFile) -> None:
    """Raise ModelError for a model that only an Edge TPU can run."""
    if model.edge_tpu:
        raise ModelError(
            f"{model.path}: is compiled for the Edge TPU and cannot run without one; "
            "use the CPU build of the model"
        )


def read_model(path: Path, delegate: str = "auto") -> ModelFile:
    """The facts of the model file; ModelError in one sentence where it cannot be used.

    Of a zip with a build for the CPU and one for the Edge TPU, that for the CPU is taken, unless
    the `delegate` asks for an Edge TPU.
    """
    return _described(path, *model_content(path, delegate), _score_count)


def model_of(path: Path, content: bytes) -> ModelFile:
    """The same of a `.tflite` that is at hand; the path is what it is called."""
    return _described(path, content, None, _score_count)


def read_extractor(path: Path, delegate: str = "auto") -> ModelFile:
    """The facts of any model that makes numbers of a picture, classifiers among them.

    Its output may have space, as an embedding (1, 7, 7, 1280) has: `outputs` is how many numbers
    there are at each place. Raises ModelError.
    """
    return _described(path, *model_content(path, delegate), _dimensions)


def extractor_of(path: Path, content: bytes) -> ModelFile:
    """The same of a `.tflite` that is at hand; the path is what it is called."""
    return _described(path, content, None, _dimensions)


def _described(
    path: Path, content: bytes, packed: Packed | None, count: Callable[[Path, Tensor], int]
) -> ModelFile:
    """`count` says how many numbers the output has, or refuses it."""
    try:
        graph = read_graph(content)
    except DamagedError as error:
        raise ModelError(
            f"{path}: is damaged or was cut off ({error}); copy or download it again"
        ) from error
    except RefusedError as error:
        raise ModelError(f"{path}: no TensorFlow Lite runtime takes it: {error}") from error
    foreign = [name for name in graph.custom if name != EDGE_TPU_OPERATOR]
    if foreign:
        raise ModelError(
            f"{path}: needs the operator {', '.join(foreign)}, which no runtime here has; "
            "convert the model with built-in operators only"
        )
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ModelError(
            f"{path}: is no image classifier: it has {len(graph.inputs)} inputs and "
            f"{len(graph.outputs)} outputs, a classifier has one of each"
        )
    taken, given = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    height, width, channels, channels_first = _picture(path, taken)
    outputs = count(path, given)
    edge_tpu = EDGE_TPU_OPERATOR in graph.custom
    metadata = read_metadata(content, graph.metadata.get(BUFFER_NAME))
    return ModelFile(
        path=path,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        input=taken,
        width=width,
        height=height,
        channels=channels,
        channels_first=channels_first,
        output=given,
        outputs=outputs,
        ending=_ending(graph),
        operators=tuple(operator.name for operator in graph.operators),
        edge_tpu=edge_tpu,
        metadata=with_normalisation(metadata, path.stem, graph.tensors, taken, packed),
        packed=packed,
    )


def _picture(path: Path, tensor: Tensor) -> tuple[int, int, int, bool]:
    """(height, width, channels, channels first) of the input."""
    where = f"{path}: is no image classifier: its input"
    if tensor.dtype not in _DTYPES:
        raise ModelError(f"{where} is {tensor.dtype}; supported are {', '.join(_DTYPES)}")
    shape = tensor.shape
    if tensor.dynamic:
        raise ModelError(f"{where} has no fixed size; convert it with a fixed input shape")
    if len(shape) == 4 and shape[0] != 1:
        raise ModelError(f"{where} takes {shape[0]} images at a time; convert it for one")
    if len(shape) == 4:
        shape = shape[1:]
    elif len(shape) == 3 and shape[0] == 1 and shape[2] not in (1, 3):
        shape = (*shape[1:], 1)  # rows of grey pixels without a dimension for the channel
    if len(shape) != 3 or min(shape) < 1 or not {shape[0], shape[2]} & {1, 3}:
        raise ModelError(f"{where} of shape {_times(tensor.shape)} is no grey or RGB picture")
    channels_first = shape[2] not in (1, 3)
    channels, height, width = shape if channels_first else (shape[2], shape[0], shape[1])
    if height * width < 2:
        raise ModelError(f"{where} is a single pixel")
    return height, width, channels, channels_first


def _score_count(path: Path, tensor: Tensor) -> int:
    where = f"{path}: is no image classifier: its output"
    if tensor.dtype not in _DTYPES:
        raise ModelError(f"{where} is {tensor.dtype}; supported are {', '.join(_DTYPES)}")
    sides = [side for side in tensor.shape if side != 1]
    if len(sides) > 1 or 0 in sides or tensor.dynamic:
        raise ModelError(f"{where} of shape {_times(tensor.shape)} is not one score per class")
    return sides[0] if sides else 1


def _dimensions(path: Path, tensor: Tensor) -> int:
    where = f"{path}: its output"
    if tensor.dtype not in _EMBEDDING_DTYPES:
        raise ModelError(f"{where} is {tensor.dtype}, and no embedding")
    if tensor.dynamic or not tensor.shape or min(tensor.shape) < 1:
        raise ModelError(f"{where} of shape {_times(tensor.shape)} has no fixed size")
    if tensor.dtype != "float32" and len(tensor.scale) != 1:
        raise ModelError(f"{where} is {tensor.dtype} without a scale: its numbers mean nothing")
    return tensor.shape[-1]


def _ending(graph: Graph) -> Ending:
    """Follow the output back to the step that made it."""
    made = {output: operator for operator in graph.operators for output in operator.outputs}
    tensor = graph.outputs[0]
    for _ in graph.operators:
        operator = made.get(tensor)
        if operator is None or operator.name not in _TRANSPARENT or not operator.inputs:
            break
        tensor = operator.inputs[0]
    name = operator.name if (operator := made.get(tensor)) is not None else ""
    if name == "SOFTMAX":
        return Ending.SOFTMAX
    if name == "LOGISTIC":
        return Ending.SIGMOID
    if name == EDGE_TPU_OPERATOR and _covers_unit_interval(graph.tensors[tensor]):
        return Ending.SOFTMAX  # the compiler took it in; only softmax and sigmoid have this scale
    return Ending.LOGITS


def _covers_unit_interval(tensor: Tensor) -> bool:
    return tensor.scale == (1 / 256,) and tensor.zero_point in ((0,), (-128,))


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "()"
