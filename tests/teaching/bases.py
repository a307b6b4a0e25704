"""The published models as bases: which can be one, and a head and an origin for a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgecls.domain import Pixels
from edgecls.pictures import read_picture
from edgecls.pixels import ArrayImage, View
from edgecls.settings import ModelSettings
from edgecls.teaching.base import Base, read_base
from edgecls.teaching.head import Head
from edgecls.vision.provenance import Origin

# model: numbers in its embedding
BASES = {
    "automl_labeler_model": 1280,
    "ei_mask_rgb_96_int8": 1280,
    "ei_weather_gray_96_int8": 1280,
    "mnist_28x28x1_uint8": 64,
    "mobilenet_edgetpu_0.75_224_post_training_quant": 1280,
    "mobilenet_v1_0.25_128": 256,
    "mobilenet_v1_0.25_128_quant": 256,
    "mobilenet_v1_0.25_128_quant_plain": 256,
    "mobilenet_v1_0.25_224_quant": 256,
    "mobilenet_v1_0.25_224_quant_without_subgraph_metadata": 256,
    "mobilenet_v1_0.5_160_quant": 512,
    "mobilenet_v1_1.0_224_quant_joined": 1024,
    "mobilenet_v2_1.0_224_inat_bird_quant": 1280,
    "mobilenet_v2_1.0_224_quant": 1280,
    "mobilenet_v2_1.0_224_quant_logits": 1280,
    "mobilenet_v2_quantized_1x3x224x224": 1280,
    "mobilenet_v3-small_224_1.0_uint8": 1024,
    "person_detect_qdimfix": 256,
    "pretrainedResnet": 64,
    "pretrainedResnet_quant": 64,
    "tf2_mobilenet_v2_1.0_224_ptq": 1280,
    "tm_fruit_model_unquant": 1280,
    "vww_96_int8": 256,
}
# Two layers were taken off.
TWO_LAYERS = ("ei_mask_rgb_96_int8", "ei_weather_gray_96_int8", "tm_fruit_model_unquant")
LABELS = ("gate, open", "Tür zu", "cat", "none")


def base_of(data: Path, name: str) -> Base:
    return read_base(ModelSettings(file=str(data / f"models/{name}.tflite")))


def small_base(data: Path) -> Base:
    return base_of(data, "vww_96_int8")


def seen(data: Path, width: int, height: int, photo: str = "parrot.jpg") -> Pixels:
    """A photo as a model of this size sees it."""
    image = ArrayImage(read_picture(data / "images/photos" / photo))
    return np.ascontiguousarray(View(width, height).see(image))


def random_head(base: Base, classes: int = len(LABELS)) -> Head:
    random = np.random.default_rng(1)
    weights = random.normal(0, 1 / np.sqrt(base.dimensions), (classes, base.dimensions))
    return Head(weights.astype(np.float32), random.normal(0, 1, classes).astype(np.float32))


def origin_of(base: Base) -> Origin:
    pictures = dict.fromkeys(LABELS, 12)
    return Origin(
        base.name, base.sha256, "2026-11-21T16:15:00Z", pictures, 0.9, 0.8, 0.96, edgecls="1.0"
    )
