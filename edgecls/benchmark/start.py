"""The start of a model in a process of its own: its time and its memory, nothing else around.

`python -m edgecls.benchmark.start FILE THREADS DELEGATE` is that process.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter_ns

import numpy as np

from edgecls.benchmark.variant import Variant
from edgecls.errors import DelegateError, EdgeclsError, ModelError
from edgecls.pixels import ArrayImage, View, prepare
from edgecls.vision.engine import Engine, place
from edgecls.vision.eye import Eye
from edgecls.vision.model_file import read_model
from edgecls.vision.runtime import runtime

_LIMIT_S = 120.0  # a large model on a Pi Zero takes seconds
_RUNS = 5  # memory is asked for after so many pictures


@dataclass(frozen=True, slots=True)
class Start:
    """How a model starts. Memory is that of a process that does nothing but classify with it."""

    load_ms: float  # file read, checked, and loaded into the runtime
    first_invoke_ms: float
    rss_mb: float
    peak_rss_mb: float
    pss_mb: float | None  # None where the kernel does not tell


def measured_start(variant: Variant) -> Start:
    """Raises ModelError or DelegateError for what cannot be loaded, also for what crashes."""
    accelerated = place(read_model(variant.file, variant.delegate), variant.delegate).accelerated
    broken = DelegateError if accelerated else ModelError
    where = f"{'the Edge TPU' if accelerated else runtime()} when it is loaded"
    try:
        child = subprocess.run(
            [sys.executable, "-m", "edgecls.benchmark.start",
             str(variant.file), str(variant.threads), variant.delegate],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT_S,
            start_new_session=True,  # Ctrl-C is for us: a child that dies of it looks like a crash
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise broken(f"{variant.file}: hangs {where}") from error
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        raise broken(f"{variant.file}: crashes {where} ({name})")
    if child.returncode > 0:
        said = child.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
        error_type = DelegateError if child.returncode == DelegateError.exit_status else ModelError
        raise error_type(said or f"{variant.file}: cannot be loaded, and nobody says why")
    return Start(**json.loads(child.stdout.splitlines()[-1]))


def start(variant: Variant) -> Start:
    """What the child does."""
    runtime()  # imports it; that is no fault of the model
    prepare()
    image = ArrayImage(np.zeros((720, 1280, 3), np.uint8))
    began_ns = perf_counter_ns()
    with Engine(variant.file, threads=variant.threads, delegate=variant.delegate) as engine:
        loaded_ns = perf_counter_ns()
        eye = Eye(engine, View(engine.width, engine.height))
        first_invoke_ms = eye.look_at(image).inference_ms
        for _ in range(_RUNS):
            eye.look_at(image)
        status = Path("/proc/self/status").read_text()
        rollup = Path("/proc/self/smaps_rollup")
        pss_mb = _megabytes("Pss", rollup.read_text()) if rollup.exists() else None
        return Start(
            (loaded_ns - began_ns) / 1e6,
            first_invoke_ms,
            _megabytes("VmRSS", status),
            _megabytes("VmHWM", status),
            pss_mb,
        )


def _megabytes(name: str, text: str) -> float:
    told = re.search(rf"^{name}: +(\d+) kB$", text.replace("\t", " "), re.MULTILINE)
    return 0.0 if told is None else int(told[1]) * 1024 / 1e6


def main(arguments: list[str]) -> int:
    """The child's exit status; its last line on stdout is the answer, on stderr the reason."""
    file, threads, delegate = arguments
    try:
        figures = start(Variant(Path(file), int(threads), delegate))
    except EdgeclsError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    sys.stdout.write(json.dumps(asdict(figures)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
