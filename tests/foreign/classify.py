"""What other libraries' image classifiers say: a program for a venv of their own.

`python classify.py mediapipe|task-library MODEL PICTURE.npy [least score]` says it as JSON: the
score of each label.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import numpy as np


def by_mediapipe(model: str, pixels: Any, least: float | None) -> dict[str, float]:
    mediapipe = import_module("mediapipe")
    tasks = import_module("mediapipe.tasks.python")
    vision = import_module("mediapipe.tasks.python.vision")
    options = vision.ImageClassifierOptions(
        base_options=tasks.BaseOptions(model_asset_path=model), score_threshold=least
    )
    with vision.ImageClassifier.create_from_options(options) as classifier:
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
        categories = classifier.classify(image).classifications[0].categories
    return {each.category_name: each.score for each in categories}


def by_task_library(model: str, pixels: Any, least: float | None) -> dict[str, float]:
    task = import_module("tflite_support.task")
    options = task.vision.ImageClassifierOptions(
        base_options=task.core.BaseOptions(file_name=model),
        classification_options=task.processor.ClassificationOptions(score_threshold=least),
    )
    classifier = task.vision.ImageClassifier.create_from_options(options)
    image = task.vision.TensorImage.create_from_array(pixels)
    categories = classifier.classify(image).classifications[0].categories
    return {each.category_name: each.score for each in categories}


LIBRARIES = {"mediapipe": by_mediapipe, "task-library": by_task_library}

if __name__ == "__main__":
    library, model, picture, *least = sys.argv[1:]
    limit = float(least[0]) if least else None
    print(json.dumps(LIBRARIES[library](model, np.load(picture), limit)))
