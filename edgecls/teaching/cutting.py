"""Where a classifier's last layer begins: there it is cut, and what it read is the embedding.

From the output back, through whatever follows the last layer (softmax, reshape, quantize, pooling),
to the first operator with weights of its own. Teachable Machine and Edge Impulse put a narrow layer
before it, which has kept what their few classes needed and lost the rest: it belongs to the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from edgecls.vision.graph import Graph, Operator

_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL")
_SCORING = ("SOFTMAX", "LOG_SOFTMAX", "LOGISTIC")
_POOLING = ("MEAN", "SUM", "AVERAGE_POOL_2D", "MAX_POOL_2D", "REDUCE_MAX")
# What leaves the numbers as they were: behind the picture, this alone is no network.
_TRANSPARENT = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "QUANTIZE", "DEQUANTIZE", "CAST", "TRANSPOSE")


class Cut(NamedTuple):
    """The tensor that the last layer reads; `flat`: so many numbers at once, whatever its shape."""

    tensor: int
    flat: int | None


def find_cut(graph: Graph, *, classifier: bool) -> Cut | None:
    """Where the last layer begins; None where there is none to be taken off.

    `classifier`: the model is known to give scores. Otherwise one that ends in a pooling or in a
    vector of length 1 is an embedding extractor, and is left whole.
    """
    path = _Path.of(graph)
    tensor = graph.outputs[0]
    while (step := path.back(tensor)) is not None:
        operator, source = step
        if operator.name in _WEIGHTED:
            return _before_narrow_layers(path, Cut(source, path.flat(operator, source)))
        classifier = classifier or operator.name in _SCORING
        if not classifier and path.makes_embedding(operator):
            return None
        tensor = source
    return None


def steps_before(graph: Graph, tensor: int) -> Sequence[Operator]:
    """The operators that compute the tensor, but for those that leave the numbers as they are."""
    needed, found = {tensor}, []
    for operator in reversed(graph.operators):
        if needed.intersection(operator.outputs):
            needed.update(operator.inputs)
            if operator.name not in _TRANSPARENT:
                found.append(operator)
    return found


def _before_narrow_layers(path: _Path, cut: Cut) -> Cut:
    """Before all fully connected layers that give fewer numbers than they take at each place."""
    tensor = cut.tensor
    while (step := path.back(tensor)) is not None:
        operator, tensor = step
        if operator.name in _WEIGHTED:
            if not path.narrows(operator, tensor):
                break
            cut = Cut(tensor, None)
    return cut


@dataclass(frozen=True, slots=True)
class _Path:
    """The way that a picture takes through a graph."""

    graph: Graph
    made_by: dict[int, Operator]
    seen: set[int]  # the tensors that depend on the picture

    @classmethod
    def of(cls, graph: Graph) -> _Path:
        """A graph in which an operator may only read what stands before it, as runtimes want it."""
        seen = set(graph.inputs)
        made_by: dict[int, Operator] = {}
        for operator in graph.operators:
            if seen.intersection(operator.inputs):
                new = set(operator.outputs) - seen
                seen |= new
                made_by |= dict.fromkeys(new, operator)
        return cls(graph, made_by, seen)

    def back(self, tensor: int) -> tuple[Operator, int] | None:
        """What made the tensor, and of what; None at the picture, and where two ways meet."""
        operator = self.made_by.get(tensor)
        sources = (
            [] if operator is None else [each for each in operator.inputs if each in self.seen]
        )
        return None if operator is None or len(sources) != 1 else (operator, sources[0])

    def makes_embedding(self, operator: Operator) -> bool:
        """Whether an operator is a usual end of an embedding extractor."""
        taken, given = (self._shape(each[0]) for each in (operator.inputs, operator.outputs))
        pools = operator.name in _POOLING and prod(taken) > prod(given)
        return pools or operator.name == "L2_NORMALIZATION"

    def flat(self, operator: Operator, source: int) -> int | None:
        """How many numbers a fully connected layer takes at once across space, if it does."""
        shape, weights = self._shape(source), self._weights(operator)
        if weights is None or not shape or weights[1] in (0, shape[-1]):
            return None
        return None if prod(shape) % weights[1] else weights[1]

    def narrows(self, operator: Operator, source: int) -> bool:
        weights = self._weights(operator)
        return weights is not None and weights[0] < weights[1] == self._shape(source)[-1]

    def _weights(self, operator: Operator) -> tuple[int, ...] | None:
        """(numbers given, numbers taken) of a fully connected layer."""
        if operator.name != "FULLY_CONNECTED" or len(operator.inputs) < 2:
            return None
        weights = self._shape(operator.inputs[1])
        return weights if len(weights) == 2 else None

    def _shape(self, tensor: int) -> tuple[int, ...]:
        return self.graph.tensors[tensor].shape
