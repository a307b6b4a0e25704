"""The TensorFlow Lite runtime: the one place that imports it, and chooses which.

ai-edge-litert where it is installed; tflite-runtime, its predecessor, where that is the only one
(32-bit Raspberry Pi OS). Both offer the same interpreter.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol, Self, cast

from edgecls.errors import DelegateError, EdgeclsError, ModelError
from edgecls.vision.model_file import ModelFile, refuse_edge_tpu

_PACKAGES = {"ai_edge_litert": "ai-edge-litert", "tflite_runtime": "tflite-runtime"}
_CHATTER = (b"INFO: Created TensorFlow Lite", b"INFO: Initialized TensorFlow Lite")
_stderr_lock = threading.Lock()


class Interpreter(Protocol):
    """The part of the runtimes' interpreter that edgecls uses."""

    def allocate_tensors(self) -> None: ...

    def get_input_details(self) -> list[dict[str, Any]]: ...

    def get_output_details(self) -> list[dict[str, Any]]: ...

    def set_tensor(self, tensor_index: int, value: Any) -> None: ...

    def get_tensor(self, tensor_index: int) -> Any: ...

    def invoke(self) -> None: ...


class InterpreterOwner:
    """Gives its interpreter's memory back when it is closed; it is of no use afterwards."""

    _interpreter: Interpreter

    def close(self) -> None:
        """Give the memory back."""
        if hasattr(self, "_interpreter"):
            del self._interpreter

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LoadedDelegate(Protocol):
    """An accelerator's library, loaded and with a device; the interpreter knows the rest."""


def open_delegate(library: str, options: Mapping[str, str]) -> LoadedDelegate:
    """A delegate from a shared library.

    Raises what the runtime does: OSError or AttributeError for the library, ValueError, perhaps
    without a word, where the library has no device for us.
    """
    module, _ = _runtime()

    class Delegate(module.Delegate):  # type: ignore[misc, name-defined]
        """The runtime's own, but for one that failed: that prints a traceback when it goes."""

        def __del__(self) -> None:
            if getattr(self, "_delegate_ptr", None) is not None:
                super().__del__()

    return cast(LoadedDelegate, Delegate(library, dict(options)))


def open_interpreter(
    model: ModelFile, threads: int, delegate: LoadedDelegate | None = None
) -> Interpreter:
    """An interpreter of the model, ready to run; ModelError where it refuses, DelegateError where
    it refuses the model together with the `delegate`.

    It gets the bytes that were checked, not the path: the file may have changed since.
    """
    if delegate is None:
        refuse_edge_tpu(model)
    module, _ = _runtime()
    try:
        with _without_chatter():
            interpreter = module.Interpreter(
                model_content=model.content,
                num_threads=threads,
                experimental_delegates=None if delegate is None else [delegate],
            )
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0] or "no reason given"
        if delegate is not None:
            raise DelegateError(
                f"{model.path}: {runtime()} and the library of the Edge TPU do not match, or the "
                f"model was compiled for a newer one: {reason}"
            ) from error
        raise ModelError(f"{model.path}: {runtime()} refuses the model: {reason}") from error
    return cast(Interpreter, interpreter)


@cache
def runtime() -> str:
    """Name and version, for example "ai-edge-litert 2.3.0"."""
    module, package = _runtime()
    # Not from importlib.metadata: it takes 15 ms and more, and Coral's builds come without any.
    version = getattr(importlib.import_module(module.__name__.split(".")[0]), "__version__", "")
    return f"{package} {version}".strip()


@cache
def _runtime() -> tuple[Any, str]:
    """(module, package); EdgeclsError where none can be imported."""
    reasons = []
    for name, package in _PACKAGES.items():
        try:
            return importlib.import_module(f"{name}.interpreter"), package
        except ModuleNotFoundError as error:
            if error.name not in (name, f"{name}.interpreter"):
                reasons.append(f"{package}: {error}")
        except ImportError as error:
            reasons.append(f"{package}: {str(error).splitlines()[0]}")
    if reasons:
        raise EdgeclsError("the TensorFlow Lite runtime cannot be loaded: " + "; ".join(reasons))
    raise EdgeclsError("no TensorFlow Lite runtime is installed: pip install ai-edge-litert")


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Hold back the runtimes' greeting on stderr, which no setting of theirs silences.

    Everything else that was written meanwhile, by whichever thread, follows at the end.
    """
    with _stderr_lock, os.fdopen(os.memfd_create("stderr"), "w+b") as held:
        try:
            stderr = os.dup(2)
        except OSError:  # a service without stderr
            yield
            return
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if not line.startswith(_CHATTER):
                    os.write(2, line)
