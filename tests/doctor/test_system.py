"""What the doctor finds of Python, the runtime and NumPy; and of libraries that crash or hang."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecls.doctor import models, settings, system
from edgecls.doctor.child import ask
from edgecls.doctor.findings import Patient, ProbeError
from tests.doctor.patients import FAIL, PASS, SKIP, failures, only, patient, results

NUMPY_CLASH = (
    "raise ValueError('numpy.dtype size changed, may indicate binary incompatibility."
    " Expected 96 from C header, got 88 from PyObject')"
)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules come before those that are installed."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def test_what_is_installed_here_is_well(tmp_path: Path) -> None:
    board = patient(tmp_path)
    assert results(system.python(board)) == {"python": PASS}
    assert results(system.runtime(board)) == {"runtime": PASS}
    assert results(models.golden_picture(board)) == {"golden_picture": PASS}


def test_without_the_packages_of_the_pi_nothing_can_clash(tmp_path: Path) -> None:
    assert results(system.numpy(patient(tmp_path))) == {"numpy": SKIP}


def test_a_simplejpeg_built_for_another_numpy(packages: Path, tmp_path: Path) -> None:
    (packages / "simplejpeg.py").write_text(NUMPY_CLASH)
    (packages / "picamera2.py").write_text("")
    found = [*system.numpy(patient(tmp_path))]
    assert results(iter(found)) == {"numpy simplejpeg": FAIL, "numpy picamera2": PASS}
    assert "'numpy<2'" in (found[0].remedy or "")


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("raise ImportError('GLIBC_2.34 not found')", "GLIBC_2.34 not found"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "crashes (SIGILL)"),
        ("import os; os._exit(3)", "ends with status 3"),
    ],
)
def test_a_runtime_that_does_not_suit_the_processor(
    code: str, found: str, packages: Path, tmp_path: Path
) -> None:
    (packages / "ai_edge_litert").mkdir()
    (packages / "ai_edge_litert/__init__.py").touch()
    (packages / "ai_edge_litert/interpreter.py").write_text(code)
    board = patient(tmp_path)
    assert found in failures(system.runtime(board))["runtime"].found
    assert found in failures(models.golden_picture(board))["golden_picture"].found
    assert found in failures(models.first_invoke(board))["first_invoke"].found


def test_what_hangs_is_given_up(packages: Path) -> None:
    (packages / "sleeper.py").write_text("import time; time.sleep(600)")
    with pytest.raises(ProbeError, match="did not answer within 2 s"):
        ask("imports", "sleeper", limit_s=2)


def test_the_configuration(tmp_path: Path) -> None:
    assert only(settings.config(patient(tmp_path)), "config").result is PASS
    wrong = failures(settings.config(patient(tmp_path, "colour = 1")))["config"]
    assert wrong.found.startswith("unknown key 'colour'")
    missing = failures(settings.config(Patient(tmp_path / "nowhere.toml")))["config"]
    assert "no such configuration file" in missing.found
