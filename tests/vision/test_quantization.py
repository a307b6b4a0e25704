"""From pixels to the input tensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecls.domain import Pixels
from edgecls.errors import ModelError
from edgecls.vision.model_file import ModelFile, read_model
from edgecls.vision.quantization import Encoder, grey


def ramp(model: ModelFile) -> Pixels:
    """Every grey level somewhere; the three channels differ."""
    count = model.width * model.height
    pixels = np.arange(count * 3, dtype=np.uint32).reshape(model.height, model.width, 3)
    return (pixels * 7 % 256).astype(np.uint8)


@pytest.fixture
def model(data: Path, request: pytest.FixtureRequest) -> ModelFile:
    return read_model(data / f"models/{request.param}.tflite")


def only(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("model", names, indirect=True)


@only("mobilenet_v3-small_224_1.0_uint8")
def test_uint8_without_metadata_takes_the_pixel_bytes(model: ModelFile) -> None:
    pixels = ramp(model)
    encoder = Encoder(model)
    assert (encoder.encode(pixels)[0] == pixels).all()
    assert encoder.warnings == ()


@only("vww_96_int8")
def test_int8_takes_the_pixel_bytes_less_128(model: ModelFile) -> None:
    pixels = ramp(model)
    tensor = Encoder(model).encode(pixels)
    assert tensor.dtype == np.int8
    assert (tensor[0] == pixels.astype(int) - 128).all()


@only("mobilenet_v1_0.25_128")
def test_float_without_metadata_is_from_minus_one_to_one(model: ModelFile) -> None:
    pixels = ramp(model)
    tensor = Encoder(model).encode(pixels)
    assert tensor.dtype == np.float32
    assert np.allclose(tensor[0], (pixels / 127.5) - 1, atol=1e-6)


@only("pretrainedResnet")
def test_mean_0_and_std_1_give_float_pixels(model: ModelFile) -> None:
    pixels = ramp(model)
    assert (Encoder(model, mean=0, std=1).encode(pixels)[0] == pixels).all()


@only("tf2_mobilenet_v2_1.0_224_ptq")
def test_halves_round_up_so_that_no_grey_level_is_lost(model: ModelFile) -> None:
    pixels = ramp(model)
    assert (Encoder(model).encode(pixels)[0] == pixels).all()


@only("mobilenet_v2_1.0_224_quant")
def test_metadata_are_applied_to_the_step(model: ModelFile) -> None:
    pixels = ramp(model)
    wanted = np.floor((pixels - 127.5) / 127.5 * 128 + 128.5).clip(0, 255)
    assert (Encoder(model).encode(pixels)[0] == wanted).all()


@only("mobilenet_v2_quantized_1x3x224x224")
def test_channels_first_with_numbers_per_channel(model: ModelFile) -> None:
    mean, std = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])
    pixels = ramp(model)
    tensor = Encoder(model, mean=mean.tolist(), std=std.tolist()).encode(pixels)
    wanted = np.rint((pixels - mean) / std / model.input.scale[0] - 14).clip(-128, 127)
    assert tensor.shape == (1, 3, 224, 224)
    assert np.abs(tensor[0].transpose(1, 2, 0) - wanted).max() <= 1
    assert (tensor[0].transpose(1, 2, 0) == wanted).mean() > 0.99


@only("keras_lstm_mnist_ptq")
def test_three_dimensions_hold_grey(model: ModelFile) -> None:
    tensor = Encoder(model).encode(np.full((28, 28, 3), 9, np.uint8))
    assert tensor.shape == (1, 28, 28)
    assert (tensor == 9).all()


def test_grey_is_what_pillow_calls_l() -> None:
    from PIL import Image

    pixels = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    assert (grey(pixels)[:, :, 0] == np.asarray(Image.fromarray(pixels).convert("L"))).all()


@only("automl_labeler_model")
def test_metadata_that_cut_off_nearly_everything_are_not_believed(model: ModelFile) -> None:
    assert (model.metadata.mean, model.metadata.std) == ((0.0,), (1.0,))
    encoder = Encoder(model)
    pixels = ramp(model)
    assert (encoder.encode(pixels)[0] == pixels).all()
    assert len(encoder.warnings) == 1
    assert "254 would be cut off" in encoder.warnings[0]


@only("automl_labeler_model")
def test_what_the_user_sets_is_applied_even_so(model: ModelFile) -> None:
    encoder = Encoder(model, mean=0, std=1)
    assert set(np.unique(encoder.encode(ramp(model)))) == {128, 255}
    assert "mean and std do not fit" in encoder.warnings[0]


@only("mobilenet_edgetpu_0.75_224_post_training_quant", "mobilenet_v2_quantized_1x3x224x224")
def test_a_scale_that_does_not_suit_pixel_bytes_is_told(model: ModelFile) -> None:
    (warning,) = Encoder(model).warnings
    assert "set mean and std" in warning


@only("mobilenet_edgetpu_0.75_224_post_training_quant")
def test_a_table_for_such_a_scale(model: ModelFile) -> None:
    pixels = ramp(model)
    encoder = Encoder(model, mean=127.5, std=[127.5])
    wanted = np.rint((pixels / 127.5 - 1) / model.input.scale[0] + 123)
    assert np.abs(encoder.encode(pixels)[0] - wanted).max() <= 1
    assert encoder.warnings == ()


@only("mobilenet_v2_1.0_224_quant")
def test_numbers_that_cannot_be_are_refused(model: ModelFile) -> None:
    with pytest.raises(ModelError, match="mean is set without std"):
        Encoder(model, mean=0)
    with pytest.raises(ModelError, match="std is 0"):
        Encoder(model, mean=0, std=0)
    with pytest.raises(ModelError, match="mean has 2 numbers; the model takes 1 or 3"):
        Encoder(model, mean=[1, 2], std=1)
    with pytest.raises(ModelError, match="no finite number"):
        Encoder(model, mean=float("nan"), std=1)
