"""What the doctor finds of models and of an Edge TPU."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edgecls.catalogue import shipped
from edgecls.doctor import accelerator, models
from edgecls.vision.model_file import read_model
from tests.doctor.patients import (
    FAIL,
    PASS,
    SCENE,
    SKIP,
    failures,
    only,
    patient,
    results,
    without_rights,
)
from tests.service.boards import board
from tests.vision.tpu import MakeEdgeTpu, make_edge_tpu
from tests.vision.tpu import models as compiled

__all__ = ["make_edge_tpu"]

TPU = f"""{SCENE}
[models.fast]
file = "brightness_edgetpu.tflite"
delegate = "edgetpu"
[watches.yard]
camera = "porch"
model = "fast"
"""
USB = "sys/bus/usb/devices/2-1/"
STICK = {
    f"{USB}idVendor": "18d1\n",
    f"{USB}idProduct": "9302\n",
    f"{USB}busnum": "2\n",
    f"{USB}devnum": "3\n",
    "dev/bus/usb/002/003": "",
    "usr/lib/aarch64-linux-gnu/libedgetpu.so.1": "",
}


def test_a_model_that_ships_is_well(tmp_path: Path) -> None:
    sick = patient(tmp_path)
    assert only(models.model(sick), "model").found == "camera_health_v1.tflite: 96x96, 5 classes"
    assert results(models.first_invoke(sick)) == {"first_invoke camera_health_v1": PASS}
    assert "first invoke" in only(models.first_invoke(sick), "first_invoke").found


@pytest.mark.parametrize(
    ("was", "becomes", "found"),
    [
        ("camera_health_v1", "camera_health_v2", "is not installed"),
        ("camera_health_v1", "no/such.tflite", "there is no such model file"),
        ('"dark"', '"drak"', "drak"),
    ],
)
def test_a_model_or_label_that_is_not_there(
    was: str, becomes: str, found: str, tmp_path: Path
) -> None:
    failed = failures(models.model(patient(tmp_path, SCENE.replace(was, becomes))))["model"]
    assert found in failed.found
    assert failed.subject == "porch"


@pytest.mark.parametrize(
    ("good", "more", "told"),
    [
        ("other", {"refused": {"sha256": "OURS", "why": "it broke", "baseline": None}},
         "the daemon runs its last good model, v1: it broke"),
        ("OURS", {"refused": {"sha256": "other", "why": "it broke", "baseline": None}},
         "the daemon runs its last good model, v1: it broke"),
        ("OURS", {"tried": {"sha256": "other", "baseline": None}}, "another model than this"),
        ("other", {"tried": {"sha256": "OURS", "baseline": None}}, None),
        ("other", {}, "another model than this ran last"),
        ("OURS", {}, None),
    ],
)  # fmt: skip
def test_what_the_daemon_runs_instead_is_told(
    good: str, more: object, told: str | None, tmp_path: Path
) -> None:
    settings = {"file": "a.tflite", "labels_file": "a.csv"}
    good_one = {"model": "v1", "sha256": good, "network": good, "settings": settings}
    ours = read_model(shipped("models") / "camera_health_v1.tflite").sha256
    sick = patient(tmp_path)
    copies = tmp_path / "state" / "last-good-porch-pi"
    copies.mkdir(parents=True)
    known = json.dumps({"good": good_one} | more).replace("OURS", ours)  # type: ignore[operator]
    (copies / "porch.json").write_text(known)
    found = only(models.model(sick), "model")
    assert found.result is PASS
    assert (told or "5 classes") in found.found
    assert ("model than" in found.found or "last good" in found.found) is (told is not None)


def test_one_bad_watch_does_not_hide_the_others(tmp_path: Path) -> None:
    text = f'{SCENE}[watches.yard]\nmodel = "nowhere"\n[watches.shed]\nmodel = "camera_health_v1"'
    found = results(models.model(patient(tmp_path, text)))
    assert found == {"model porch": PASS, "model yard": FAIL, "model shed": PASS}


def test_a_file_that_the_runtime_refuses(data: Path, tmp_path: Path) -> None:
    text = SCENE.replace("camera_health_v1", str(data / "models/person_detect.tflite"))
    failed = failures(models.first_invoke(patient(tmp_path, text)))["first_invoke"]
    assert "person_detect.tflite" in failed.found


def test_no_model_asks_for_an_edge_tpu(tmp_path: Path) -> None:
    assert results(accelerator.edge_tpu(patient(tmp_path))) == {"edge_tpu": SKIP}
    sick = patient(board(tmp_path, STICK))
    assert "there is one" in only(accelerator.edge_tpu(sick), "edge_tpu").found


def test_an_edge_tpu_that_is_asked_for_and_not_there(tmp_path: Path) -> None:
    sick = patient(compiled(tmp_path, "brightness_edgetpu"), TPU)
    assert set(failures(accelerator.edge_tpu(sick))) == {"edge_tpu_library", "edge_tpu_device"}
    failed = failures(models.first_invoke(sick))["first_invoke"]
    assert failed.subject == "fast"
    assert "libedgetpu.so.1 is not installed" in failed.found
    assert 'delegate = "cpu"' in (failed.remedy or "")


def test_an_edge_tpu_that_works_is_compared_with_the_cpu(
    make_edge_tpu: MakeEdgeTpu, tmp_path: Path
) -> None:
    make_edge_tpu()
    sick = patient(compiled(tmp_path, "brightness_edgetpu", "brightness"), TPU)
    assert results(models.first_invoke(sick))["first_invoke fast"] is PASS
    (found,) = [each.found for each in models.first_invoke(sick) if each.subject == "fast"]
    assert "(edgetpu, " in found
    assert found.endswith("differ from the CPU's by 0.000 at most")
    make_edge_tpu("-DAT=3", "-DLIES")
    failed = failures(models.first_invoke(sick))["first_invoke"]
    assert "the Edge TPU gives wrong answers" in failed.found
    assert "plug the Edge TPU in again" in (failed.remedy or "")


def test_a_library_for_another_processor_is_a_failure(tmp_path: Path) -> None:
    sick = patient(board(compiled(tmp_path, "brightness_edgetpu"), STICK), TPU)
    failed = failures(accelerator.edge_tpu(sick))["edge_tpu_library"]
    assert "is no shared library" in failed.found


def test_a_model_compiled_for_one_asks_for_it(data: Path, tmp_path: Path) -> None:
    file = data / "models/mobilenet_v2_1.0_224_quant_edgetpu.tflite"
    sick = patient(tmp_path, SCENE.replace("camera_health_v1", str(file)))
    assert "edge_tpu_device" in failures(accelerator.edge_tpu(sick))


@pytest.mark.parametrize("device", ["dev/bus/usb/002/003", "dev/apex_0"])
def test_an_edge_tpu_is_found_and_may_be_used_or_not(device: str, tmp_path: Path) -> None:
    files = STICK if "usb" in device else {device: "", "usr/lib/libedgetpu.so.1": ""}
    sick = patient(board(compiled(tmp_path, "brightness_edgetpu"), files), TPU)
    for library in tmp_path.glob("usr/lib/**/libedgetpu.so.1"):
        library.write_bytes(Path(sys.executable).read_bytes()[:64])
    found = [*accelerator.edge_tpu(sick)]
    assert results(iter(found))["edge_tpu_library"] is PASS
    assert only(iter(found), "edge_tpu_permission").subject == str(tmp_path / device)
    assert FAIL not in results(iter(found)).values()
    (tmp_path / device).chmod(0)
    with without_rights(tmp_path):
        failed = failures(accelerator.edge_tpu(sick))
    assert set(failed) == {"edge_tpu_permission"}
