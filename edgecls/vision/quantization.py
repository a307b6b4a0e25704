"""From pixels to the input tensor: normalisation and quantization in one table.

A model computes with value = (pixel - mean) / std, and a quantized input stores it as
round(value / scale) + zero point. Both together are a table of 256 numbers per channel, made once.

mean and std come from the configuration, else from the model's metadata, else: a float input gets
-1..1, a uint8 input the pixel byte, an int8 input the pixel byte - 128.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecls.domain import Pixels
from edgecls.errors import ModelError
from edgecls.vision.model_file import ModelFile

_FLOAT_MEAN = _FLOAT_STD = 127.5
# The luma of ITU-R BT.601 (299, 587, 114 thousandths) in 65536ths, as Pillow computes it.
_RED, _GREEN, _BLUE = 19595, 38470, 7471

_FEW_STEPS = 4
_USUAL_RANGES = ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), (-128.0, 127.0))
_IMAGENET = "mean = [123.675, 116.28, 103.53] and std = [58.395, 57.12, 57.375]"

Numbers = float | Sequence[float]
InputTensor = NDArray[Any]
"""uint8, int8 or float32, in the shape of the model's input."""


class Encoder:
    """Turns RGB pixels of the input's size into the input tensor of one model.

    `table`, of shape (1 or channels, 256), is what each pixel byte becomes. `mean` and `std`, one
    number or one per channel, say what it means, wherever that is known from: (pixel - mean) / std.
    """

    def __init__(
        self, model: ModelFile, *, mean: Numbers | None = None, std: Numbers | None = None
    ) -> None:
        self.warnings: tuple[str, ...] = ()
        self._model = model
        self._shape = model.input.shape
        self._lowest = -128 if model.input.dtype == "int8" else 0
        self.mean: tuple[float, ...]
        self.std: tuple[float, ...]
        self.table = self._table(mean, std)
        self._mapped = _mapping(self.table)

    def encode(self, pixels: Pixels) -> InputTensor:
        """The input tensor for RGB uint8 (height, width, 3); it may share the pixels' memory."""
        tensor = self._mapped(grey(pixels) if self._model.channels == 1 else pixels)
        if self._model.channels_first:
            tensor = tensor.transpose(2, 0, 1)
        return np.ascontiguousarray(tensor).reshape(self._shape)

    def _table(self, mean: Numbers | None, std: Numbers | None) -> InputTensor:
        """The number of each pixel byte, shape (1 or channels, 256)."""
        model, metadata = self._model, self._model.metadata
        if (mean is None) != (std is None):
            given, lacking = ("std", "mean") if mean is None else ("mean", "std")
            raise ModelError(f"{model.path}: {given} is set without {lacking}; set both")
        if mean is not None and std is not None:
            values = self._normalised(mean, std)
            return self._quantized(values, "mean and std", explicit=True)
        if metadata.mean and {len(metadata.mean), len(metadata.std)} <= {1, model.channels}:
            values = self._normalised(metadata.mean, metadata.std)
            return self._quantized(values, "its metadata's mean and std", explicit=False)
        if model.input.dtype == "float32":
            return self._normalised(_FLOAT_MEAN, _FLOAT_STD).astype(np.float32)
        self._warn_of_odd_range()
        return self._bytes()

    def _normalised(self, mean: Numbers, std: Numbers) -> NDArray[np.float64]:
        values = _per_channel(self._model, mean, std)
        self.mean, self.std = _numbers(mean), _numbers(std)
        return values

    def _bytes(self) -> InputTensor:
        """The pixel bytes as they are, in the range of the tensor's type."""
        mean, std = bytes_as_they_are(self._model)
        self.mean, self.std = (mean,), (std,)
        return (np.arange(256) + self._lowest).astype(self._model.input.dtype)[None]

    def _quantized(self, values: NDArray[np.float64], whose: str, *, explicit: bool) -> InputTensor:
        tensor = self._model.input
        if tensor.dtype == "float32":
            return values.astype(np.float32)
        scale, zero_point = _scale(self._model)
        # A half rounds up, as far as a scale of 32 bits can say what a half is: rounding to even
        # would merge every two grey levels of a model with zero point 127.
        steps = np.floor(values / scale + zero_point + 0.50002)
        table = steps.clip(self._lowest, self._lowest + 255)
        cut_off = int((np.abs(table - steps) > 1).mean() * 256)
        left = min(len(set(row.tolist())) for row in table)  # np.unique imports 1 MB more
        if cut_off > 64 or left < 32:
            remedy = (
                "they are applied, but the scores will be poor"
                if explicit
                else ("the pixel bytes are taken as they are; set mean and std to override")
            )
            self._warn(
                f"{whose} do not fit the input tensor (scale {scale:g}, zero point {zero_point}): "
                f"of 256 grey levels {cut_off} would be cut off and {left} be told apart; {remedy}"
            )
            if not explicit:
                return self._bytes()
        return table.astype(tensor.dtype)

    def _warn_of_odd_range(self) -> None:
        """Pixel bytes in a tensor that was not made for them cost some points of accuracy."""
        if not self._model.input.scale:
            return
        scale, zero_point = _scale(self._model)
        low, high = (scale * (byte + self._lowest - zero_point) for byte in (0, 255))
        for lowest, highest in _USUAL_RANGES:
            if max(abs(low - lowest), abs(high - highest)) <= 0.1 * (highest - lowest):
                return
        usual = _IMAGENET if low < -1.7 and high > 2 else "mean = 127.5 and std = 127.5"
        self._warn(
            f"pixel bytes mean {low:.2f} to {high:.2f} to this model, which is unusual and may "
            f"cost accuracy; set mean and std as in its training, often {usual}"
        )

    def _warn(self, sentence: str) -> None:
        self.warnings += (sentence,)


def _mapping(table: InputTensor) -> Callable[[Pixels], InputTensor]:
    """What turns the pixel bytes (height, width, channels) into the tensor's numbers."""
    if len(table) > 1:
        entries, offsets = table.reshape(-1), np.arange(0, table.size, 256, dtype=np.uint16)
        return lambda pixels: np.take(entries, pixels + offsets)
    row = table[0]
    if row.itemsize > 1:
        return lambda pixels: np.take(row, pixels)
    return _shifting(row) or _translating(row)


def _shifting(row: InputTensor) -> Callable[[Pixels], InputTensor] | None:
    """For a table that is the byte plus a constant, but for a few steps: most models have such.

    To compare and add (modulo 256) takes a third of the time of looking up.
    """
    shifts = row.view(np.uint8) - np.arange(256, dtype=np.uint8)
    changes = shifts[1:] - shifts[:-1]
    places = np.flatnonzero(changes)
    if len(places) > _FEW_STEPS:
        return None
    first = shifts[0]
    steps = [(np.uint8(place + 1), changes[place]) for place in places]
    if not first and not steps:
        return lambda pixels: pixels

    def shifted(pixels: Pixels) -> InputTensor:
        tensor = pixels + first
        for place, height in steps:
            tensor += (pixels >= place).view(np.uint8) * height
        result: InputTensor = tensor.view(row.dtype)
        return result

    return shifted


def _translating(row: InputTensor) -> Callable[[Pixels], InputTensor]:
    """Faster than NumPy's look-up, which makes indices of 64 bits first."""
    codes = row.tobytes()
    return lambda pixels: np.frombuffer(pixels.tobytes().translate(codes), row.dtype).reshape(
        pixels.shape
    )


def bytes_as_they_are(model: ModelFile) -> tuple[float, float]:
    """The mean and std that the pixel bytes themselves come to in a quantized input."""
    scale, zero_point = _scale(model)
    lowest = -128 if model.input.dtype == "int8" else 0
    return float(zero_point - lowest), 1 / scale


def grey(pixels: Pixels) -> Pixels:
    """RGB (height, width, 3) as grey (height, width, 1)."""
    red, green, blue = (pixels[:, :, channel].astype(np.uint32) for channel in range(3))
    luma = (red * _RED + green * _GREEN + blue * _BLUE + (1 << 15)) >> 16
    return luma.astype(np.uint8)[:, :, None]


def _scale(model: ModelFile) -> tuple[float, int]:
    tensor = model.input
    scale = tensor.scale[0] if tensor.scale and tensor.scale[0] > 0 else 1.0
    return scale, tensor.zero_point[0] if tensor.zero_point else 0


def _numbers(numbers: Numbers) -> tuple[float, ...]:
    return tuple(float(number) for number in np.atleast_1d(np.asarray(numbers, float)))


def _per_channel(model: ModelFile, mean: Numbers, std: Numbers) -> NDArray[np.float64]:
    """(pixel - mean) / std for all 256 pixel values, shape (1 or channels, 256)."""
    means, stds = np.atleast_1d(np.asarray(mean, float)), np.atleast_1d(np.asarray(std, float))
    for name, numbers in (("mean", means), ("std", stds)):
        if len(numbers) not in (1, model.channels):
            raise ModelError(
                f"{model.path}: {name} has {len(numbers)} numbers; the model takes 1"
                + (f" or {model.channels}" if model.channels > 1 else "")
            )
        if not np.isfinite(numbers).all():
            raise ModelError(f"{model.path}: {name} is no finite number")
    if not stds.all():
        raise ModelError(f"{model.path}: std is 0; (pixel - mean) / std needs another number")
    values: NDArray[np.float64] = (np.arange(256.0) - means[:, None]) / stds[:, None]
    return values
