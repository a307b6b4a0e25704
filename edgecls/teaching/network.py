"""Changing the graph of a `.tflite` file, by the object tree of TensorFlow Lite's schema.

The schema comes with ai-edge-litert alone, so only a 64-bit system changes models; any runtime runs
them afterwards.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecls.errors import EdgeclsError, ModelError
from edgecls.vision.operator_names import operator_name

_ALIGNMENT = 16  # bytes: the schema's, for the weights; the runtimes read them where they lie
_SPARE = 1 << 16
_CALLING = ("IF", "WHILE", "CALL", "CALL_ONCE")
_SIGN = 128  # between the zero points of a byte with and without a sign
_LARGEST_OLD_CODE = 127  # that the field of a byte can hold


class Network:
    """The graph of one model, to be changed. Tensors are named by their numbers."""

    def __init__(self, path: Path, content: bytes) -> None:
        """Of a content that `vision.graph` has read through. Raises ModelError where it is damaged
        elsewhere, EdgeclsError where this system cannot change models."""
        self._schema = _schema()
        self._path, self._size = path, len(content)
        with self._readable():
            self._model = self._schema.ModelT.InitFromPackedBuf(content)
            self._fetch_from_behind(content)
        self._graph = self._model.subgraphs[0]

    @property
    def output(self) -> int:
        """The tensor that is the model's output."""
        return int(self._graph.outputs[0])

    @output.setter
    def output(self, tensor: int) -> None:
        self._graph.outputs = [tensor]

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The shape of a tensor."""
        return tuple(map(int, self._graph.tensors[tensor].shape))

    def constant(self, values: NDArray[Any], name: str) -> int:
        """A new tensor with values of its own, float32 or int32."""
        made = self._schema.BufferT()
        made.data = np.frombuffer(values.tobytes(), np.uint8)
        self._model.buffers.append(made)
        kind = "FLOAT32" if values.dtype == np.float32 else "INT32"
        return self._tensor(name, values.shape, kind, len(self._model.buffers) - 1)

    def float_tensor(self, shape: Sequence[int], name: str) -> int:
        """A new tensor that something computes."""
        return self._tensor(name, shape, "FLOAT32", 0)

    def like(self, tensor: int, shape: Sequence[int], name: str) -> int:
        """A new tensor of another shape that something computes, with the same type and scale."""
        model = self._graph.tensors[tensor]
        made = self._tensor(name, shape, "FLOAT32", 0)
        self._graph.tensors[made].type = model.type
        self._graph.tensors[made].quantization = model.quantization
        return made

    def then(
        self, name: str, inputs: Sequence[int], output: int, options: Any = None, version: int = 1
    ) -> None:
        """Append an operator; `options` is made by `options`."""
        self._graph.operators.append(self._operator(name, inputs, output, options, version))

    def take_bytes(self) -> None:
        """Have the int8 input made, in the model, of a uint8 one that means the same."""
        inner = int(self._graph.inputs[0])
        outer = self.like(inner, self.shape(inner), "picture")
        tensor = self._graph.tensors[outer]
        tensor.type, tensor.quantization = self._schema.TensorType.UINT8, copy(tensor.quantization)
        tensor.quantization.zeroPoint = [int(tensor.quantization.zeroPoint[0]) + _SIGN]
        options = self.options("QuantizeOptions")
        self._graph.operators.insert(0, self._operator("QUANTIZE", (outer,), inner, options, 2))
        self._graph.inputs = [outer]

    def _operator(
        self, name: str, inputs: Sequence[int], output: int, options: Any, version: int
    ) -> Any:
        operator = self._schema.OperatorT()
        operator.opcodeIndex = self._code(name, version)
        operator.inputs, operator.outputs = list(inputs), [output]
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(self._schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        return operator

    def options(self, kind: str, **fields: object) -> Any:
        """The options of an operator, such as "SoftmaxOptions"."""
        made = getattr(self._schema, f"{kind}T")()
        for field, value in fields.items():
            setattr(made, field, value)
        return made

    def describe(self, name: str, content: bytes) -> None:
        """Add a named buffer of metadata."""
        made, entry = self._schema.BufferT(), self._schema.MetadataT()
        made.data = np.frombuffer(content, np.uint8)
        entry.name, entry.buffer = name, len(self._model.buffers)
        self._model.buffers.append(made)
        self._model.metadata = [*(self._model.metadata or []), entry]

    def drop_unreached(self) -> None:
        """Leave what the output needs; no metadata and no signatures, which told of the whole."""
        model, graph = self._model, self._graph
        model.metadata = model.metadataBuffer = model.signatureDefs = None
        needed, kept = {self.output, *map(int, graph.inputs)}, []
        for operator in reversed(graph.operators):
            given = _numbers(operator.outputs)
            if not given or needed.intersection(given):
                needed.update(given, _numbers(operator.inputs), _numbers(operator.intermediates))
                kept.append(operator)
        graph.operators = kept[::-1]
        if not any(self._calls(operator) for operator in kept):
            model.subgraphs = [graph]
        self._renumber_tensors(needed - {-1})
        self._renumber_codes_and_buffers()

    def packed(self) -> bytes:
        """The `.tflite`; the same bytes for the same changes. Raises ModelError."""
        builder = import_module("flatbuffers").Builder(self._size + _SPARE)
        aligned = _aligned(self._schema)
        for buffer in self._model.buffers:
            buffer.__class__ = aligned
        with self._readable():
            builder.Finish(self._model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """The schema's code checks nothing: what damage makes of it becomes a ModelError."""
        try:
            yield
        except _DAMAGED as error:
            raise ModelError(
                f"{self._path}: is damaged inside ({error}); copy or download it again"
            ) from error

    def _tensor(self, name: str, shape: Sequence[int], kind: str, buffer: int) -> int:
        made = self._schema.TensorT()
        made.name, made.shape, made.buffer = name, list(shape), buffer
        made.type = getattr(self._schema.TensorType, kind)
        self._graph.tensors.append(made)
        return len(self._graph.tensors) - 1

    def _code(self, name: str, version: int) -> int:
        made = self._schema.OperatorCodeT()
        made.builtinCode = getattr(self._schema.BuiltinOperator, name)
        made.deprecatedBuiltinCode = min(made.builtinCode, _LARGEST_OLD_CODE)
        made.version = version
        self._model.operatorCodes.append(made)
        return len(self._model.operatorCodes) - 1

    def _calls(self, operator: Any) -> bool:
        """Whether an operator may run another graph of the file."""
        code = self._model.operatorCodes[operator.opcodeIndex]
        name = operator_name(max(code.builtinCode, code.deprecatedBuiltinCode))
        return name in _CALLING or name.startswith("builtin ")

    def _renumber_tensors(self, needed: Iterable[int]) -> None:
        graph, kept = self._graph, sorted(needed)
        places = {old: new for new, old in enumerate(kept)} | {-1: -1}
        graph.tensors = [graph.tensors[old] for old in kept]
        for each in (graph, *graph.operators):
            each.inputs = [places[old] for old in _numbers(each.inputs)]
            each.outputs = [places[old] for old in _numbers(each.outputs)]
        for operator in graph.operators:
            if operator.intermediates is not None:
                operator.intermediates = [places[old] for old in _numbers(operator.intermediates)]

    def _renumber_codes_and_buffers(self) -> None:
        model = self._model
        operators = [each for graph in model.subgraphs for each in graph.operators or ()]
        tensors = [each for graph in model.subgraphs for each in graph.tensors or ()]
        codes = sorted({operator.opcodeIndex for operator in operators})
        buffers = sorted({0, *(tensor.buffer for tensor in tensors)})
        for operator in operators:
            operator.opcodeIndex = codes.index(operator.opcodeIndex)
        for tensor in tensors:
            tensor.buffer = buffers.index(tensor.buffer)
        model.operatorCodes = [model.operatorCodes[old] for old in codes]
        model.buffers = [(model.buffers or [self._schema.BufferT()])[old] for old in buffers]

    def _fetch_from_behind(self, content: bytes) -> None:
        """Weights and options of more than 2 GB files lie behind the flatbuffer: take them in."""
        for buffer in self._model.buffers or ():
            if buffer.offset > 1:
                buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
        for graph in self._model.subgraphs:
            for each in graph.operators or ():
                if each.largeCustomOptionsOffset > 1:
                    place = each.largeCustomOptionsSize, each.largeCustomOptionsOffset
                    each.customOptions = np.frombuffer(content, np.uint8, *place)
                each.largeCustomOptionsOffset = each.largeCustomOptionsSize = 0


_DAMAGED = (
    struct.error,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    OverflowError,
    AttributeError,
    MemoryError,
)


def _numbers(listed: Any) -> list[int]:
    return [] if listed is None else [int(number) for number in listed]


def _schema() -> Any:
    try:
        import_module("flatbuffers")
        return import_module("ai_edge_litert.schema_py_generated")
    except ImportError as error:
        raise EdgeclsError(
            "teaching changes the graph of a model, which needs ai-edge-litert on a 64-bit system: "
            "pip install ai-edge-litert; the taught model runs with tflite-runtime as well"
        ) from error


def _aligned(schema: Any) -> type:
    """The schema's buffer, but laid where the runtimes expect weights: its writer forgets it."""

    class Aligned(schema.BufferT):  # type: ignore[misc]
        def Pack(self, builder: Any) -> Any:  # noqa: N802
            if self.data is not None:
                builder.Prep(_ALIGNMENT, len(self.data))
            return super().Pack(builder)

    return Aligned
