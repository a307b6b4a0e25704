"""Who made a model, where that tells how it wants its pixels and its file does not say so.

Teachable Machine trains with TensorFlow.js, whose names stay in the graph, on -1 to 1. The image
block of Edge Impulse gives 0 to 1, unless the model's own scaling, which stands in its library,
makes something else of it; of a float model alone, only the name of the download tells.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from edgecls.vision.archive import Packed
from edgecls.vision.graph import Tensor
from edgecls.vision.metadata import Metadata

_TEACHABLE_MACHINE = ("sequential_", "dense_Dense1")  # in the names of its input and a layer
_EDGE_IMPULSE = "-tensorflow-lite-float32-model"  # in the name of what its dashboard offers

_Numbers = tuple[float, ...]
_SCALINGS: dict[str, tuple[_Numbers, _Numbers]] = {  # of Edge Impulse: mean, std of pixels 0..255
    "NONE": ((0.0,), (255.0,)),
    "0_255": ((0.0,), (1.0,)),
    "MIN1_1": ((127.5,), (127.5,)),
    "MIN128_127": ((128.0,), (1.0,)),
    "TORCH": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}


def with_normalisation(
    metadata: Metadata, stem: str, tensors: Iterable[Tensor], taken: Tensor, packed: Packed | None
) -> Metadata:
    """With the normalisation that its maker is known for, where the model is silent.

    `stem`: of the file's name; `taken`: the input tensor.
    """
    if metadata.mean:
        return metadata
    scaling, floating = packed and packed.scaling, taken.dtype == "float32"
    if scaling in _SCALINGS:
        return _normalised(metadata, *_SCALINGS[scaling], "as Edge Impulse's library says")
    source, layer = _TEACHABLE_MACHINE
    if floating and source in taken.name and any(layer in tensor.name for tensor in tensors):
        return _normalised(metadata, (127.5,), (127.5,), "as Teachable Machine has it")
    if floating and _EDGE_IMPULSE in stem.lower():
        return _normalised(metadata, *_SCALINGS["NONE"], "as Edge Impulse has it")
    return metadata


def _normalised(metadata: Metadata, mean: _Numbers, std: _Numbers, known: str) -> Metadata:
    return replace(metadata, mean=mean, std=std, known=known)
