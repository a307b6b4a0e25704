"""The child: `python -m edgecls.doctor.probe WHAT …` tries it and prints one JSON object."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecls.config import load
from edgecls.errors import EdgeclsError, SourceLost

_WATCHED_S = 4.0  # a camera, after its first frame
_SETTLING_S = 1.0  # the first part of it, in which frames that have waited come at once
_INVOKES = 20


def runtime() -> dict[str, Any]:
    """Which NumPy and which TensorFlow Lite runtime can be imported."""
    import numpy as np

    from edgecls.vision.runtime import runtime as name

    return {"runtime": name(), "numpy": np.__version__}


def imports(module: str) -> dict[str, Any]:
    """Whether a module can be imported."""
    __import__(module)
    return {}


def golden(expected: Sequence[str]) -> dict[str, Any]:
    """What the model that ships says of the drawn scene, at the middle of each condition."""
    from edgecls.api import Classifier
    from edgecls.catalogue import shipped
    from edgecls.sources.scene import CYCLE_S, draw, stable_condition

    moments = [step * CYCLE_S / 100 for step in range(100)]
    seen = {}
    with Classifier(shipped("models") / "camera_health_v1.tflite", resize="stretch") as classifier:
        for label in expected:
            stable = [moment for moment in moments if stable_condition(moment) == label]
            best = classifier.classify(draw(stable[len(stable) // 2])).top[0]
            seen[label] = {"label": best.label, "score": best.score}
    return {"seen": seen}


def edge_tpus() -> dict[str, Any]:
    """The device file of every Edge TPU; native code of pycoral may be asked."""
    from edgecls.vision.delegates import listed

    return {"devices": [str(tpu.device) for tpu in listed()]}


def invoke(file: Path, model: str) -> dict[str, Any]:
    """How long a model of the configuration takes to load, for its first invoke and the next; and
    what an Edge TPU's answers are worth."""
    import numpy as np

    from edgecls.builds import model_settings
    from edgecls.engines import load_engine, wanted
    from edgecls.vision.proof import answers, expected_of, judged

    settings = model_settings(load(file), model)
    began = time.perf_counter()
    engine = load_engine(settings, None)
    load_ms = (time.perf_counter() - began) * 1e3
    engine.load(np.zeros((engine.height, engine.width, 3), np.uint8))
    invokes_ms = []
    for _ in range(_INVOKES):
        began = time.perf_counter()
        engine.invoke()
        invokes_ms.append((time.perf_counter() - began) * 1e3)
    proof = None
    if engine.accelerated:
        compiled = wanted(settings)
        if (expected := expected_of(compiled.cpu)) is not None:
            proof = judged(compiled.model, answers(engine), expected, file.parent).reason
    return {
        "runtime": engine.runtime,
        "delegate": engine.delegate,
        "proof": proof,
        "threads": engine.threads,
        "load_ms": load_ms,
        "first_ms": invokes_ms[0],
        "then_ms": sorted(invokes_ms[1:])[len(invokes_ms) // 2],
    }


def frames(file: Path, camera: str) -> dict[str, Any]:
    """When the first frame of a camera came, its size, and how many a second followed."""
    from edgecls.sources import open_source

    config = load(file)
    views = views_of(config, camera)
    began = time.monotonic()
    source = open_source(
        camera, config.cameras[camera], views, base=config.base, stop=threading.Event()
    )
    times: list[float] = []
    size, lost = None, None
    try:
        for frame in source.frames():
            for view in views[:1]:
                view.see(frame.image)  # a frame that cannot be sampled is none
            times.append(time.monotonic())
            size = size or [frame.image.width, frame.image.height]
            if times[-1] - times[0] >= _WATCHED_S:
                break
    except SourceLost as error:
        if size is None:
            raise
        lost = str(error)
    source.close()
    if size is None:
        raise EdgeclsError("it ended without a frame")
    return {
        "first_s": times[0] - began,
        "fps": _fps([at for at in times if at - times[0] >= _SETTLING_S]) or _fps(times),
        "frames": len(times),
        "size": size,
        "lost": lost,
    }


def _fps(times: Sequence[float]) -> float | None:
    """The rate of frames that came at these times."""
    if len(times) < 2 or times[-1] == times[0]:
        return None
    return (len(times) - 1) / (times[-1] - times[0])


def views_of(config: Any, camera: str) -> list[Any]:
    """What the watches of a camera look at, so that it is asked for what the daemon asks for."""
    from edgecls.assembly import only_camera
    from edgecls.builds import model_settings
    from edgecls.pixels import View
    from edgecls.vision.model_file import read_model

    views = []
    for watch in config.watches.values():
        if only_camera(config, watch) == camera:
            settings = model_settings(config, watch.model)
            model = read_model(Path(settings.file), settings.delegate)
            region = tuple(watch.region or (0.0, 0.0, 1.0, 1.0))
            views.append(View(model.width, model.height, region, watch.resize))
    return views


def main(arguments: Sequence[str]) -> int:
    """Always 0: what went wrong is the answer."""
    try:
        match arguments:
            case ["runtime"]:
                answer = runtime()
            case ["edge_tpus"]:
                answer = edge_tpus()
            case ["imports", module]:
                answer = imports(module)
            case ["golden", *expected]:
                answer = golden(expected)
            case ["invoke", file, model]:
                answer = invoke(Path(file), model)
            case ["frames", file, camera]:
                answer = frames(Path(file), camera)
            case _:
                raise ValueError(f"no such probe: {arguments}")
    except Exception as error:  # noqa: BLE001 - the parent says what it means
        words = str(error) or type(error).__name__
        answer = {"error": words, "kind": type(error).__name__}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
