"""Models of a single layer, made for a test: what no published model offers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SIDE = 4
ENDINGS = {"SOFTMAX": 25, "LOGISTIC": 14, "RESHAPE": 22}


def tiny_model(
    path: Path,
    gains: Sequence[float],
    biases: Sequence[float],
    *,
    endings: Sequence[str] = (),
    metadata: bytes | None = None,
) -> Path:
    """A float32 model whose output k is gains[k] * (mean of its 4x4x3 input) + biases[k]."""
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    flatbuffers = pytest.importorskip("flatbuffers")
    count = len(gains)
    weights = np.repeat(np.asarray(gains, np.float32)[:, None] / (SIDE * SIDE * 3), 48, axis=1)
    model = schema.ModelT()
    model.version, model.description = 3, "tiny"
    contents = [None, weights, np.asarray(biases, np.float32)]
    model.buffers = [_buffer(schema, content) for content in contents]
    tensors = [
        _tensor(schema, "image", (1, SIDE, SIDE, 3), 0),
        _tensor(schema, "weights", (count, 48), 1),
        _tensor(schema, "biases", (count,), 2),
        *[_tensor(schema, f"scores {i}", (1, count), 0) for i in range(len(endings) + 1)],
    ]
    names = ["FULLY_CONNECTED", *endings]
    model.operatorCodes = [_code(schema, {**ENDINGS, "FULLY_CONNECTED": 9}[name]) for name in names]
    operators = [_operator(schema, 0, (0, 1, 2), 3)]
    operators += [_operator(schema, i + 1, (3 + i,), 4 + i) for i in range(len(endings))]
    for operator, name in zip(operators, names, strict=True):
        if name == "SOFTMAX":
            operator.builtinOptionsType = 9
            operator.builtinOptions = schema.SoftmaxOptionsT()
            operator.builtinOptions.beta = 1.0
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = tensors, operators
    graph.inputs, graph.outputs = [0], [len(tensors) - 1]
    model.subgraphs = [graph]
    if metadata is not None:
        model.buffers.append(_buffer(schema, np.frombuffer(metadata, np.uint8)))
        entry = schema.MetadataT()
        entry.name, entry.buffer = "TFLITE_METADATA", 3
        model.metadata = [entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def failing_model(path: Path) -> Path:
    """A model of two classes that runs on zeros, and fails on pictures that are black or white:
    what it sees is looked up in a table of one row."""
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    flatbuffers = pytest.importorskip("flatbuffers")
    model = schema.ModelT()
    model.version, model.description = 3, "failing"
    weights, bias = np.full((1, 48), 1.0, np.float32), np.zeros(1, np.float32)
    contents = [None, weights, bias, np.asarray([1], np.int32), np.zeros((1, 2), np.float32)]
    model.buffers = [_buffer(schema, content) for content in contents]
    graph = schema.SubGraphT()
    graph.tensors = [
        _tensor(schema, "image", (1, SIDE, SIDE, 3), 0),
        _tensor(schema, "weights", (1, 48), 1),
        _tensor(schema, "bias", (1,), 2),
        _tensor(schema, "sum", (1, 1), 0),
        _tensor(schema, "whole", (1, 1), 0),
        _tensor(schema, "shape", (1,), 3),
        _tensor(schema, "row", (1,), 0),
        _tensor(schema, "table", (1, 2), 4),
        _tensor(schema, "scores", (1, 2), 0),
    ]
    for position in (4, 5, 6):
        graph.tensors[position].type = 2  # int32
    model.operatorCodes = [_code(schema, code) for code in (9, 53, 22, 7)]
    graph.operators = [
        _operator(schema, 0, (0, 1, 2), 3),
        _operator(schema, 1, (3,), 4),  # CAST
        _operator(schema, 2, (4, 5), 6),  # RESHAPE
        _operator(schema, 3, (6, 7), 8),  # EMBEDDING_LOOKUP
    ]
    graph.inputs, graph.outputs = [0], [8]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def threshold_metadata(least_score: float) -> bytes:
    """Metadata that recommend a threshold and nothing else."""
    flatbuffers = pytest.importorskip("flatbuffers")
    builder = flatbuffers.Builder(256)

    def table(fields: dict[int, Any]) -> Any:
        builder.StartObject(max(fields) + 1)
        for slot, write in fields.items():
            write(slot)
        return builder.EndObject()

    def listed(offset: Any) -> Any:
        builder.StartVector(4, 1, 4)
        builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()

    def leads_to(offset: Any) -> Any:
        return lambda slot: builder.PrependUOffsetTRelativeSlot(slot, offset, 0)

    options = table({0: lambda slot: builder.PrependFloat32Slot(slot, least_score, 0)})
    unit = table({0: lambda slot: builder.PrependUint8Slot(slot, 3, 0), 1: leads_to(options)})
    tensor = table({4: leads_to(listed(unit))})
    graph = table({3: leads_to(listed(tensor))})
    builder.Finish(table({3: leads_to(listed(graph))}), file_identifier=b"M001")
    return bytes(builder.Output())


def _buffer(schema: Any, content: Any) -> Any:
    buffer = schema.BufferT()
    if content is not None:
        buffer.data = np.frombuffer(content.tobytes(), np.uint8)
    return buffer


def _tensor(schema: Any, name: str, shape: tuple[int, ...], buffer: int) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name, list(shape), buffer
    return tensor


def _code(schema: Any, builtin: int) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = 1
    return code


def _operator(schema: Any, code: int, inputs: tuple[int, ...], output: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, list(inputs), [output]
    return operator
