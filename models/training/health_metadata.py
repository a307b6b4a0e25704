"""Put TFLite Metadata into a model file: labels, normalisation, what the tensors mean.

Google's tflite-support wrote these files and is no longer maintained; the schema is small, so the
tables are built here with the flatbuffers package alone. Field numbers are those of
metadata_schema.fbs 1.5 (file identifier "M001"), in the order of its declarations.
"""

import io
import zipfile
from collections.abc import Sequence

import flatbuffers
from ai_edge_litert import schema_py_generated as tflite

METADATA_NAME = b"TFLITE_METADATA"
LABELS_FILE = "labels.txt"
DESCRIPTION = (
    "Says of a camera whether it sees (clear) or is dark, overexposed, blurred or covered. "
    "Trained on photos with faults made by program."
)
# enumerations and unions of the schema
_FILE_TYPE_TENSOR_AXIS_LABELS = 2
_COLOR_SPACE_RGB = 1
_CONTENT_IMAGE_PROPERTIES, _CONTENT_FEATURE_PROPERTIES = 2, 1
_PROCESS_NORMALIZATION_OPTIONS = 1

Builder = flatbuffers.Builder


def _table(builder: Builder, fields: dict[int, tuple[str, object]], slots: int) -> int:
    """A table from {field number: (kind, value)}; kinds are offset, uint8 and int8."""
    builder.StartObject(slots)
    for slot, (kind, value) in fields.items():
        if kind == "offset":
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
        elif kind == "uint8":
            builder.PrependUint8Slot(slot, value, 0)
        else:
            builder.PrependInt8Slot(slot, value, 0)
    return builder.EndObject()


def _tables(builder: Builder, offsets: Sequence[int]) -> tuple[str, int]:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return "offset", builder.EndVector()


def _floats(builder: Builder, values: Sequence[float]) -> tuple[str, int]:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return "offset", builder.EndVector()


def _text(builder: Builder, text: str) -> tuple[str, int]:
    return "offset", builder.CreateString(text)


def _stats(builder: Builder, most: float, least: float) -> tuple[str, int]:
    return "offset", _table(
        builder, {0: _floats(builder, [most]), 1: _floats(builder, [least])}, slots=2
    )


def _input_tensor(builder: Builder, mean: float, std: float) -> int:
    image = _table(builder, {0: ("int8", _COLOR_SPACE_RGB)}, slots=2)
    content = _table(
        builder, {0: ("uint8", _CONTENT_IMAGE_PROPERTIES), 1: ("offset", image)}, slots=3
    )
    options = _table(builder, {0: _floats(builder, [mean]), 1: _floats(builder, [std])}, slots=2)
    unit = _table(
        builder, {0: ("uint8", _PROCESS_NORMALIZATION_OPTIONS), 1: ("offset", options)}, slots=2
    )
    stats = _stats(builder, 255.0, 0.0)  # of the bytes, as in Google's quantised models
    return _tensor(builder, "image", "One frame, RGB.", content, stats, {4: [unit]})


def _output_tensor(builder: Builder) -> int:
    feature = _table(builder, {}, slots=0)
    content = _table(
        builder, {0: ("uint8", _CONTENT_FEATURE_PROPERTIES), 1: ("offset", feature)}, slots=3
    )
    file = _table(
        builder,
        {
            0: _text(builder, LABELS_FILE),
            1: _text(builder, "One label for each score."),
            2: ("int8", _FILE_TYPE_TENSOR_AXIS_LABELS),
        },
        slots=5,
    )
    stats = _stats(builder, 1.0, 0.0)
    return _tensor(builder, "score", "Softmax over the labels.", content, stats, {6: [file]})


def _tensor(  # noqa: PLR0917 - the parts of one schema table
    builder: Builder,
    name: str,
    description: str,
    content: int,
    stats: tuple[str, int],
    lists: dict[int, list[int]],
) -> int:
    fields: dict[int, tuple[str, object]] = {
        0: _text(builder, name),
        1: _text(builder, description),
        3: ("offset", content),
        5: stats,
    }
    fields |= {slot: _tables(builder, offsets) for slot, offsets in lists.items()}
    return _table(builder, fields, slots=7)


def metadata_buffer(mean: float, std: float) -> bytes:
    builder = Builder(1024)
    inputs = _tables(builder, [_input_tensor(builder, mean, std)])
    outputs = _tables(builder, [_output_tensor(builder)])
    subgraph = _table(builder, {2: inputs, 3: outputs}, slots=8)
    model = _table(
        builder,
        {
            0: _text(builder, "camera health"),
            1: _text(builder, DESCRIPTION),
            2: _text(builder, "1"),
            3: _tables(builder, [subgraph]),
            4: _text(builder, "the edgecls project"),
            5: _text(builder, "Apache-2.0"),
            7: _text(builder, "1.0.0"),  # least version of the metadata parser
        },
        slots=8,
    )
    builder.Finish(model, file_identifier=b"M001")
    return bytes(builder.Output())


def with_metadata(content: bytes, labels: Sequence[str], *, mean: float, std: float) -> bytes:
    """The model file with its metadata buffer and, after the flatbuffer, a zip of the labels."""
    model = tflite.ModelT.InitFromPackedBuf(content)
    buffer = tflite.BufferT()
    buffer.data = list(metadata_buffer(mean, std))
    model.buffers.append(buffer)
    entry = tflite.MetadataT()
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    builder = Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    packed = io.BytesIO(bytes(builder.Output()))
    packed.seek(0, io.SEEK_END)
    with zipfile.ZipFile(packed, "a") as archive:
        # a fixed date: the same model gives the same bytes
        archive.writestr(zipfile.ZipInfo(LABELS_FILE), "".join(f"{label}\n" for label in labels))
    return packed.getvalue()
