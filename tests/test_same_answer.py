"""One photo gives one answer, whichever way it comes in."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.programs import edgecls, json_lines

# (name, codec, pixel format, options): what a photo survives without loss, and as a camera has it
CLIPS = [
    ("ffv1 rgb", "ffv1", "bgr0", {}),
    ("h264 rgb", "libx264rgb", "rgb24", {"qp": "0"}),
    ("h264 4:4:4", "libx264", "yuv444p", {"qp": "0"}),
]


def even(photo: Path, file: Path) -> Path:
    """The photo cut to even sides, which video wants, without loss."""
    with Image.open(photo) as image:
        rgb = image.convert("RGB").crop((0, 0, image.width // 2 * 2, image.height // 2 * 2))
    rgb.save(file)
    return file


def clip(photo: Path, file: Path, codec: str, pixel_format: str, options: dict[str, str]) -> None:
    """Five frames of a photo."""
    with Image.open(photo) as image:
        rgb = image.convert("RGB")
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = rgb.width, rgb.height, pixel_format
        stream.time_base = Fraction(1, 10)
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(np.asarray(rgb), "rgb24").reformat(
                format=pixel_format
            )
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def best_of_source(source: str, model: Path, folder: Path) -> tuple[int, float]:
    """(class, score) of the first frame of a source, as the daemon publishes it."""
    file = folder / "edgecls.toml"
    file.write_text(
        f"""
        [cameras.porch]
        source = {json.dumps(source)}
        [watches.porch]
        model = {json.dumps(str(model))}
        [watches.porch.decision]
        confirm = "1 of 1"
        min_score = 0
        min_margin = 0
        """
    )
    done = edgecls("run", "-c", file, home=folder)
    assert done.returncode == 0, done.stderr
    best = json_lines(done.stdout)[0]["top"][0]
    return best["index"], best["score"]


def test_classify_dir_and_file_agree(data: Path, tmp_path: Path) -> None:
    tflite = data / "models" / "mobilenet_v2_1.0_224_quant.tflite"
    folder = tmp_path / "frames"
    folder.mkdir()
    picture = even(data / "images/photos/cat_720p.jpg", folder / "photo.png")
    done = edgecls("classify", picture, "-m", tflite, "--json", home=tmp_path)
    best = json_lines(done.stdout)[0]["top"][0]
    answers = {"dir": best_of_source(f"dir:{folder}", tflite, tmp_path)}
    for name, codec, pixel_format, options in CLIPS:
        file = tmp_path / "clip.mkv"
        clip(picture, file, codec, pixel_format, options)
        answers[name] = best_of_source(f"file:{file}", tflite, tmp_path)
    for name, (index, score) in answers.items():
        assert index == best["index"], (name, answers, best)
        assert score == pytest.approx(best["score"], abs=0.03), (name, answers, best)
