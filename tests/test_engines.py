"""Which model takes the place of which."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgecls.builds import fallback_settings
from edgecls.engines import wanted
from edgecls.settings import Config, ModelSettings
from tests.conftest import PROJECT
from tests.vision.tpu import models


def test_a_cpu_build_has_the_same_classes(tmp_path: Path) -> None:
    compiled = models(tmp_path, "brightness", "brightness_edgetpu") / "brightness_edgetpu.tflite"
    settings = ModelSettings(file=str(compiled))
    pair = tmp_path / "brightness.tflite"
    fallback = fallback_settings(Config(), settings)
    assert fallback is not None
    assert Path(fallback.file) == pair
    proving = wanted(settings).cpu
    assert proving is not None
    assert proving.path == pair
    shutil.copyfile(PROJECT / "models/camera_health_v1.tflite", pair)
    assert fallback_settings(Config(), settings) is None
    assert wanted(settings).cpu is None
