"""A model for the CPU, and the same compiled for the Edge TPU that tests/vision/delegates makes.

What it says is "bright", "dark" or "grey": output k is GAINS[k] * (mean of the input) + BIASES[k].
`python -m tests.vision.compiled` writes the files again; tflite-runtime comes without the writer.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tests.vision.tiny import SIDE, tiny_model

FOLDER = Path(__file__).parent / "delegates"
GAINS = np.array([4, -4, 0], np.float32)
BIASES = np.array([0, 0, 1], np.float32)
EMBEDDING_GAINS = np.array([2, -1.5, 0.5], np.float32)  # of the extractor; its biases are 0
LABELS = ("bright", "dark", "grey")


def write(folder: Path) -> list[Path]:
    """The CPU build, the compiled one, one compiled in part, and an embedding extractor."""
    cpu = folder / "brightness.tflite"
    files = [tiny_model(cpu, list(GAINS), list(BIASES))]
    for name, endings in (("brightness_edgetpu", ()), ("partly_edgetpu", ("SOFTMAX",))):
        files.append(folder / f"{name}.tflite")
        files[-1].write_bytes(_compiled(endings))
    files.append(folder / "extractor_edgetpu.tflite")
    files[-1].write_bytes(_extractor())
    return files


def _extractor() -> bytes:
    """An embedding extractor as Coral's: bytes in, bytes out, and no softmax's scale."""
    schema = import_module("ai_edge_litert.schema_py_generated")
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.description, model.buffers = 3, "compiled", [schema.BufferT()]
    model.operatorCodes, model.subgraphs = [_code(schema, 32, "edgetpu-custom-op")], [graph]
    graph.tensors = [
        _tensor(schema, "image", [1, SIDE, SIDE, 3]),
        _tensor(schema, "embedding", [1, 1, 1, len(EMBEDDING_GAINS)]),
    ]
    for tensor, scale, zero_point in zip(graph.tensors, (1 / 128, 0.03), (128, 90), strict=True):
        tensor.type, tensor.quantization = 3, schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero_point]
    ours = _operator(schema, 0, 0, 1)
    ours.customOptions = np.frombuffer(EMBEDDING_GAINS.tobytes() + bytes(12), np.uint8)
    graph.operators, graph.inputs, graph.outputs = [ours], [0], [1]
    return _packed(model)


def _compiled(endings: tuple[str, ...]) -> bytes:
    schema = import_module("ai_edge_litert.schema_py_generated")
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.description, model.buffers = 3, "compiled", [schema.BufferT()]
    model.operatorCodes = [_code(schema, 32, "edgetpu-custom-op"), _code(schema, 25, None)]
    model.subgraphs = [graph]
    graph.tensors = [_tensor(schema, "image", [1, SIDE, SIDE, 3])]
    graph.tensors += [_tensor(schema, f"scores {i}", [1, len(GAINS)]) for i in range(2)]
    ours = _operator(schema, 0, 0, 1)
    ours.customOptions = np.frombuffer(GAINS.tobytes() + BIASES.tobytes(), np.uint8)
    graph.operators = [ours]
    if endings:
        softmax = _operator(schema, 1, 1, 2)
        softmax.builtinOptionsType, softmax.builtinOptions = 9, schema.SoftmaxOptionsT()
        softmax.builtinOptions.beta = 1.0
        graph.operators.append(softmax)
    graph.inputs, graph.outputs = [0], [2 if endings else 1]
    return _packed(model)


def _packed(model: Any) -> bytes:
    builder = import_module("flatbuffers").Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _code(schema: Any, builtin: int, custom: str | None) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.customCode, code.version = custom, 1
    return code


def _tensor(schema: Any, name: str, shape: list[int]) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name, shape, 0
    return tensor


def _operator(schema: Any, code: int, taken: int, given: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, [taken], [given]
    return operator


if __name__ == "__main__":
    write(FOLDER)
