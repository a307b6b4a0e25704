"""What the doctor finds of cameras: each thing that can be wrong with them, wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecls.doctor import cameras
from edgecls.doctor.findings import Patient
from tests.brokers import free_port
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
from tests.media import film, grey
from tests.programs import Running
from tests.service.boards import PI, board
from tests.sources.server import http_camera


def seeing(source: str, folder: Path, more: str = "") -> Patient:
    """A board whose camera is this; `/` lies in `folder`."""
    return patient(folder, SCENE.replace('"demo:"', f'"{source}"\n{more}'))


def test_the_drawn_scene_gives_frames(tmp_path: Path) -> None:
    sick = seeing("demo:", tmp_path)
    assert results(cameras.camera(sick)) == {"camera porch": PASS}
    assert results(cameras.camera_memory(sick)) == {"camera_memory": SKIP}
    assert results(cameras.frames(sick)) == {"first_frame porch": PASS, "frame_rate porch": PASS}


def test_a_video_has_no_rate_to_reach(tmp_path: Path) -> None:
    film(tmp_path / "clip.mp4", [grey(50)] * 5)
    sick = seeing("file:clip.mp4", tmp_path)
    found = [*cameras.frames(sick)]
    assert FAIL not in results(iter(found)).values()
    assert only(iter(found), "first_frame").found.startswith("64x48 after ")


def test_a_video_that_is_not_there(tmp_path: Path) -> None:
    sick = seeing("file:no.mp4", tmp_path)
    assert "no.mp4" in failures(cameras.camera(sick))["camera"].found
    assert "no.mp4" in failures(cameras.frames(sick))["first_frame"].found


def test_a_source_that_is_none(tmp_path: Path) -> None:
    sick = seeing("pictures:", tmp_path)
    assert "pictures:" in failures(cameras.camera(sick))["camera"].found
    assert "pictures:" in failures(cameras.frames(sick))["first_frame"].found


def test_a_network_camera(tmp_path: Path) -> None:
    with http_camera([grey(50)]) as camera:
        sick = seeing(camera.url, tmp_path)
        assert results(cameras.camera(sick)) == {"camera porch": PASS}
        assert FAIL not in results(cameras.frames(sick)).values()


def test_a_network_camera_that_is_off(tmp_path: Path) -> None:
    sick = seeing(f"http://admin:s3cret@127.0.0.1:{free_port()}/live", tmp_path)
    failed = failures(cameras.camera(sick)) | failures(cameras.frames(sick))
    assert "Connection refused" in failed["camera"].found
    assert "s3cret" not in str(failed)


def test_a_network_camera_that_wants_a_login(tmp_path: Path) -> None:
    with http_camera([grey(50)], login="bm9ib2R5Og==") as camera:
        failed = failures(cameras.frames(seeing(camera.url, tmp_path)))
    assert "password_file" in (failed["first_frame"].remedy or "")


def test_a_camera_that_is_slower_than_it_should_be(tmp_path: Path) -> None:
    with http_camera([grey(50)]) as camera:
        failed = failures(cameras.frames(seeing(camera.url, tmp_path, "fps = 240")))
    assert "240 were asked for" in failed["frame_rate"].found


def test_a_camera_that_goes_silent_after_its_first_frames(tmp_path: Path) -> None:
    with http_camera([grey(50)] * 3, then="stall") as camera:
        sick = seeing(camera.url, tmp_path, "stall_timeout_s = 1")
        found = [*cameras.frames(sick)]
    assert only(iter(found), "first_frame").result is PASS
    assert "no answer in time" in failures(iter(found))["frame_rate"].found


def test_a_usb_camera_that_is_not_there(tmp_path: Path) -> None:
    sick = seeing("v4l2:/dev/video7", board(tmp_path, {"dev/video1": "", "dev/video2": ""}))
    failed = failures(cameras.camera(sick))["camera"]
    assert failed.found.endswith("is not there; there is: /dev/video1, /dev/video2")
    assert "/dev/video7" in failures(cameras.frames(sick))["first_frame"].found


def test_a_usb_camera_that_may_not_be_used(tmp_path: Path) -> None:
    sick = seeing("v4l2:/dev/video0", board(tmp_path, {"dev/video0": ""}))
    assert results(cameras.camera(sick)) == {"camera porch": PASS, "camera_permission porch": PASS}
    (tmp_path / "dev/video0").chmod(0)
    with without_rights(tmp_path):
        failed = failures(cameras.camera(sick))
    assert "group video" in (failed["camera_permission"].remedy or "")


def test_a_camera_that_the_running_daemon_has_is_not_tried_in_vain(tmp_path: Path) -> None:
    more = f'[mqtt]\nurl = "mqtt://127.0.0.1:{free_port()}"\n'
    busy = patient(tmp_path, SCENE + more)
    with Running("run", "-c", busy.file, home=tmp_path) as daemon:
        assert daemon.process.stderr is not None
        while "not reachable" not in daemon.process.stderr.readline():
            assert daemon.process.poll() is None
        sick = seeing("v4l2:/dev/video7", tmp_path)
        sick.file.write_text(sick.file.read_text() + more)
        assert results(cameras.frames(sick)) == {"first_frame porch": SKIP}
    assert results(cameras.frames(sick)) == {"first_frame porch": FAIL}


def test_the_pi_camera_without_its_library(tmp_path: Path) -> None:
    sick = seeing("picamera2:0", tmp_path)
    assert "python3-picamera2" in (failures(cameras.camera(sick))["camera"].remedy or "")
    assert "picamera2" in failures(cameras.frames(sick))["first_frame"].found


def test_the_pi_camera_with_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "picamera2.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    sick = seeing("picamera2:0", tmp_path)
    assert "no /dev/media*" in failures(cameras.camera(sick))["camera"].found
    board(tmp_path, {"dev/media0": "", "dev/dma_heap/linux,cma": ""})
    assert results(cameras.camera(sick)) == {"camera porch": PASS, "camera_permission porch": PASS}


@pytest.mark.parametrize(("size", "expected"), [("1280x720", PASS), ("9152x6944", FAIL)])
def test_contiguous_memory(size: str, expected: str, tmp_path: Path) -> None:
    sick = seeing("picamera2:0", board(tmp_path, PI), f'size = "{size}"')
    assert only(cameras.camera_memory(sick), "camera_memory").result == expected


def test_contiguous_memory_that_nobody_tells_of(tmp_path: Path) -> None:
    assert results(cameras.camera_memory(seeing("picamera2:0", tmp_path))) == {
        "camera_memory": SKIP
    }
