"""The first load of a model happens in a child process: a runtime that crashes takes only that.

`python -m edgecls.vision.first_load MODEL` is the child.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np

from edgecls.errors import EdgeclsError, ModelError
from edgecls.vision.apart import run_apart
from edgecls.vision.model_file import ModelFile, read_model
from edgecls.vision.runtime import open_interpreter, runtime

log = logging.getLogger(__name__)

_LIMIT_S = 120.0  # a large model on a Pi Zero takes seconds


def first_load(model: ModelFile, remembered: Path | None, *child_of: str) -> None:
    """Load and run a model once in a child process, unless this runtime did so before.

    `remembered` is a small file with one line per model and runtime that went well; None: nowhere.
    `child_of`: module and arguments of another child than this one, of the model's path. ModelError
    where the model is wrong or crashes or hangs the runtime.
    """
    path, mark = model.path, f"{model.sha256} {runtime()}"
    if remembered is not None and mark in _lines(remembered):
        return
    module, *arguments = child_of or ("edgecls.vision.first_load", str(path))
    try:
        child = run_apart(module, *arguments, limit_s=_LIMIT_S)
    except TimeoutError as error:
        raise ModelError(f"{path}: hangs {runtime()} when it is loaded; it is not used") from error
    except OSError as error:
        raise ModelError(f"{path}: no process can be started to load it first: {error}") from error
    if child.signal is not None:
        crashes = f"crashes {runtime()} when it is loaded ({child.signal})"
        raise ModelError(f"{path}: {crashes}; it is not used")
    if child.status > 0:
        said = child.err.strip().split("\n")[-1] or "the runtime does not say why"
        told = said.startswith(f"{path}: ")
        raise ModelError(said if told else f"{path}: cannot be loaded or run: {said}")
    if remembered is not None:
        _remember(remembered, mark)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except (OSError, ValueError):  # absent or damaged
        return []


def _remember(remembered: Path, mark: str) -> None:
    try:
        remembered.parent.mkdir(parents=True, exist_ok=True)
        with remembered.open("a") as file:
            file.write(mark + "\n")
    except OSError as error:
        log.warning("%s: %s; the model is tried anew at every start", remembered, error.strerror)


def load_and_run(path: Path) -> None:
    """What the child does: load the model and run it on zeros."""
    model = read_model(path)
    interpreter = open_interpreter(model, 1)
    zeros = np.zeros(model.input.shape, model.input.dtype)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], zeros)
    interpreter.invoke()


def main(arguments: list[str]) -> int:
    """The child's exit status; its last line on stderr is the reason."""
    try:
        load_and_run(Path(arguments[0]))
    except (EdgeclsError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
