"""Python, the runtime, and a NumPy that suits the system's packages."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.util import find_spec

from edgecls.doctor.child import ask
from edgecls.doctor.findings import Finding, Patient, ProbeError, failed, passed, skipped

_OLDEST = (3, 11)
_IMPORTING_S = 60.0  # a Pi Zero reads a large library from a slow card
# What Debian builds against its own NumPy, and what the camera of a Pi needs.
_BUILT_BY_THE_SYSTEM = ("simplejpeg", "picamera2")


def python(_: Patient) -> Iterator[Finding]:
    """The interpreter that runs us."""
    version = f"Python {platform.python_version()}, {platform.machine()}, {sys.executable}"
    if sys.version_info < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        yield failed("python", version, f"install edgecls with Python {oldest} or newer")
    else:
        yield passed("python", version)


def runtime(_: Patient) -> Iterator[Finding]:
    """The TensorFlow Lite runtime."""
    try:
        found = ask("runtime", limit_s=_IMPORTING_S)
    except ProbeError as error:
        package = "ai-edge-litert" if sys.maxsize > 2**32 else "tflite-runtime 'numpy<2'"
        yield failed("runtime", str(error), f"run: {sys.executable} -m pip install {package}")
    else:
        yield passed("runtime", f"{found['runtime']}, numpy {found['numpy']}")


def numpy(_: Patient) -> Iterator[Finding]:
    """Whether what the system built against its own NumPy loads with the one that is here.

    A NumPy 2 from pip in a virtual environment breaks simplejpeg of Debian 12, and so picamera2.
    """
    there = [module for module in _BUILT_BY_THE_SYSTEM if find_spec(module) is not None]
    if not there:
        yield skipped("numpy", "neither picamera2 nor simplejpeg is installed: nothing can clash")
    for module in there:
        try:
            ask("imports", module, limit_s=_IMPORTING_S)
        except ProbeError as error:
            yield failed("numpy", f"{module} cannot be imported: {error}", _remedy(error), module)
        else:
            yield passed("numpy", f"{module} can be imported", module)


def _remedy(error: ProbeError) -> str:
    if "numpy" in str(error).lower():
        return f"run: {sys.executable} -m pip install 'numpy<2' (the system's is older than 2)"
    return "install the system's packages anew: sudo apt install --reinstall python3-picamera2"
