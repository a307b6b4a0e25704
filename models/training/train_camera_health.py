"""Train the camera-health model and write models/camera_health_v1.tflite.

    pip install tensorflow-cpu ai-edge-litert opencv-python-headless
    EDGECLS_TEST_DATA=../shared/data python models/training/train_camera_health.py

A development tool: the daemon never needs TensorFlow. Two processes make the pictures, then two
threads train; about a quarter of an hour on two cores. Seeds are fixed: on one machine and one
TensorFlow the same file comes out; elsewhere float rounding may move a few weights by a step.
"""

import argparse
import hashlib
import multiprocessing
import os
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
import numpy as np
from health_degradations import DEGRADE
from health_metadata import with_metadata
from health_pictures import (
    LABELS,
    PROJECT,
    SIDE,
    Picture,
    draw_picture,
    load_photos,
    random_region,
    to_input,
)
from numpy.typing import NDArray

SEED = 20261121
MODEL_FILE = PROJECT / "models" / "camera_health_v1.tflite"
PICTURES = 32_000
LABEL_SHARES = (0.30, 0.12, 0.14, 0.22, 0.22)  # clear most: a false alarm is the worst mistake
DRAWN_SHARE = 0.18
EPOCHS = 14
BATCH = 128

_photos: list[Picture] = []  # filled once per worker process


def _start_worker() -> None:
    cv2.setNumThreads(1)
    _photos.extend(load_photos("train"))


def make_example(number: int) -> tuple[Picture, int]:
    """Example `number` depends on the seed and its number only, not on who makes it."""
    rng = np.random.default_rng((SEED, number))
    label = int(rng.choice(len(LABELS), p=LABEL_SHARES))
    drawn = rng.random() < DRAWN_SHARE
    picture = draw_picture(rng) if drawn else _photos[int(rng.integers(len(_photos)))]
    region = random_region(picture, rng)
    return to_input(DEGRADE[LABELS[label]](region, rng), rng), label


def make_examples(count: int, processes: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    with multiprocessing.get_context("spawn").Pool(processes, _start_worker) as pool:
        examples = pool.imap(make_example, range(count), chunksize=100)
        pictures, labels = zip(*examples, strict=True)
    return np.stack(pictures), np.array(labels)


def build_network(
    batch_size=None,
):  # a keras.Model; TensorFlow is imported in the main process only
    """Five convolutions; mean and maximum over the rest side by side.

    The maximum says whether anything at all is sharp, the mean how the whole looks: a macro photo
    with a soft background is told from a lens out of focus by the first of them.
    """
    from tensorflow import keras

    layers = keras.layers
    inputs = keras.Input((SIDE, SIDE, 3), batch_size, name="image")
    x = inputs
    for filters, stride in ((16, 2), (24, 2), (40, 2), (56, 2), (56, 1)):
        x = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.97)(x)
        x = layers.ReLU(6.0)(x)
    mean = layers.AveragePooling2D(x.shape[1])(x)
    most = layers.MaxPooling2D(x.shape[1])(x)
    x = layers.Concatenate()([mean, most])
    x = layers.Dropout(0.25)(x)
    x = layers.Conv2D(32, 1, activation="relu")(x)
    x = layers.Conv2D(len(LABELS), 1)(x)  # a 1x1 convolution: every runtime knows its version
    x = layers.Reshape((len(LABELS),))(x)
    return keras.Model(inputs, layers.Softmax(name="score")(x))


def train(pictures: NDArray[np.uint8], labels: NDArray[np.int64], epochs: int):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    model = build_network()
    steps = epochs * -(-len(pictures) // BATCH)
    schedule = tf.keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // 20, warmup_target=3e-3, warmup_steps=steps // 20
    )
    model.compile(
        tf.keras.optimizers.AdamW(schedule, weight_decay=1e-3),
        tf.keras.losses.CategoricalCrossentropy(label_smoothing=0.03),
        metrics=["accuracy"],
    )

    def prepare(batch, label):
        batch = tf.image.random_flip_left_right(tf.cast(batch, tf.float32) / 255.0, SEED)
        return batch, tf.one_hot(label, len(LABELS))

    data = tf.data.Dataset.from_tensor_slices((pictures, labels.astype(np.int32)))
    data = data.shuffle(len(pictures), SEED).batch(BATCH).map(prepare).prefetch(2)
    model.fit(data, epochs=epochs, verbose=2)
    return model


def to_tflite(model, pictures: NDArray[np.uint8]) -> bytes:
    """Quantise to uint8 in and out; scale 1/255, zero point 0 of the input: bytes as they are."""
    import tensorflow as tf

    def representative():
        extremes = np.zeros((1, SIDE, SIDE, 3), np.float32)
        extremes[:, ::2] = 1.0  # pins the input's range to 0..1
        yield [extremes]
        for picture in pictures[:500]:
            yield [picture[None].astype(np.float32) / 255.0]

    # a fixed batch of one spares the graph the operators that work a shape out at run time
    one_by_one = build_network(batch_size=1)
    one_by_one.set_weights(model.get_weights())
    converter = tf.lite.TFLiteConverter.from_keras_model(one_by_one)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    return converter.convert()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, default=MODEL_FILE)
    options = parser.parse_args()
    pictures, labels = make_examples(options.pictures, options.processes)
    print("pictures per label:", dict(zip(LABELS, np.bincount(labels).tolist(), strict=True)))
    model = train(pictures, labels, options.epochs)
    content = with_metadata(to_tflite(model, pictures), LABELS, mean=0.0, std=255.0)
    options.output.write_bytes(content)
    print(f"{options.output}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
