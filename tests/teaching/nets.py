"""Small float networks of a shape of our choice, with random weights, for a 16x16 picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SIDE = 16
_CODES = {"CONV_2D": 3, "FULLY_CONNECTED": 9, "LOGISTIC": 14, "RESHAPE": 22, "SOFTMAX": 25}
_CODES |= {"L2_NORMALIZATION": 11, "MEAN": 40, "CONCATENATION": 2}

Step = tuple[str, int] | tuple[str]


def net(path: Path, *steps: Step) -> Path:
    """Steps: ("CONV_2D", outputs) halves the sides, ("FULLY_CONNECTED", outputs) reads everything,
    ("RESHAPE", numbers in a row), and those without a number."""
    made = _Net(pytest.importorskip("ai_edge_litert.schema_py_generated"))
    made.tensor((1, SIDE, SIDE, 3), None)
    shape: Sequence[int] = (1, SIDE, SIDE, 3)
    for name, *size in steps:
        shape = made.step(name, shape, *size)
    path.write_bytes(made.packed())
    return path


@dataclass
class _Net:
    schema: Any
    tensors: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=list)
    operators: list[Any] = field(default_factory=list)
    codes: list[Any] = field(default_factory=list)
    last: int = 0
    random: Any = field(default_factory=lambda: np.random.default_rng(7))

    def tensor(self, shape: Sequence[int], values: Any) -> int:
        if not self.buffers:
            self.buffers.append(self.schema.BufferT())
        made = self.schema.TensorT()
        made.name, made.shape, made.buffer = f"tensor {len(self.tensors)}", list(shape), 0
        if values is not None:
            made.type = 0 if values.dtype == np.float32 else 2
            made.buffer = len(self.buffers)
            self.buffers.append(self.schema.BufferT())
            self.buffers[-1].data = np.frombuffer(values.tobytes(), np.uint8)
        self.tensors.append(made)
        return len(self.tensors) - 1

    def step(self, name: str, shape: Sequence[int], size: int = 0) -> Sequence[int]:
        schema, inputs, given = self.schema, [self.last], shape
        options: Any = None
        if name == "CONV_2D":
            given = (1, shape[1] // 2, shape[2] // 2, size)
            inputs.append(self.weights(size, 2, 2, shape[3]))
            inputs.append(self.weights(size))
            options = schema.Conv2DOptionsT()
            options.padding, options.strideH, options.strideW = 1, 2, 2
        elif name == "FULLY_CONNECTED":
            given, options = (1, size), schema.FullyConnectedOptionsT()
            inputs += [self.weights(size, prod(shape)), self.weights(size)]
        elif name == "MEAN":
            given, options = (1, shape[3]), schema.ReducerOptionsT()
            inputs.append(self.tensor((2,), np.array([1, 2], np.int32)))
        elif name == "RESHAPE":
            given, options = (prod(shape) // size, size), schema.ReshapeOptionsT()
            inputs.append(self.tensor((2,), np.array(given, np.int32)))
        elif name == "SOFTMAX":
            options = schema.SoftmaxOptionsT()
            options.beta = 1.0
        elif name == "L2_NORMALIZATION":
            options = schema.L2NormOptionsT()
        elif name == "CONCATENATION":
            given, options = (*shape[:-1], 2 * shape[-1]), schema.ConcatenationOptionsT()
            options.axis = len(shape) - 1
            inputs.append(self.last)
        self.last = self.tensor(given, None)
        self.operator(name, inputs, options)
        return given

    def weights(self, *shape: int) -> int:
        values = self.random.normal(0, 1, shape) / np.sqrt(prod(shape[1:]))
        return self.tensor(shape, values.astype(np.float32))

    def operator(self, name: str, inputs: list[int], options: Any) -> None:
        code, made = self.schema.OperatorCodeT(), self.schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = _CODES[name]
        code.version = 1
        made.opcodeIndex, made.inputs, made.outputs = len(self.codes), inputs, [self.last]
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            made.builtinOptionsType = getattr(self.schema.BuiltinOptions, kind)
            made.builtinOptions = options
        self.codes.append(code)
        self.operators.append(made)

    def packed(self) -> bytes:
        flatbuffers = pytest.importorskip("flatbuffers")
        model, graph = self.schema.ModelT(), self.schema.SubGraphT()
        model.version, model.description, model.subgraphs = 3, "small", [graph]
        model.buffers, model.operatorCodes = self.buffers, self.codes
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = [0], [self.last]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())
