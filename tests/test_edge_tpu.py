"""The daemon and the Edge TPU: proved before it is used, survived when it fails, never in silence.

The libraries are real ones, compiled from C. A service manager starts the daemon again, as systemd
does after every status but 0 and 78.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import MakeSubscriber, Mosquitto
from tests.conftest import PROJECT
from tests.hasty import EAGER, PATIENCE_S
from tests.programs import edgecls, environment
from tests.subscriber import Message
from tests.vision.tpu import LIBRARY, MakeEdgeTpu, make_edge_tpu, models

__all__ = ["make_edge_tpu"]

CONFIG = """
[device]
id = "board"
state_dir = "state"
[cameras.porch]
source = "demo:"
[models.light]
file = "brightness_edgetpu.tflite"
threads = 1
labels_file = "labels.txt"
[watches.porch]
model = "light"
labels = ["bright", "dark", "grey"]
"""
FRAMES = 3
LATER = "-DAT=8"  # after the golden pictures, and the first frame: see edgetpu.c
OPENED = "the Edge TPU {} when it is opened"
INVOKED = "the Edge TPU {} at its first invoke"


def scene(folder: Path, *names: str, text: str = CONFIG, mqtt: str = "") -> Path:
    """A configuration beside these models."""
    models(folder, "brightness_edgetpu", *names)
    file = folder / "edgecls.toml"
    file.write_text(text + (f'[mqtt]\nurl = "{mqtt}"\n' if mqtt else ""))
    return file


def run(file: Path) -> tuple[int, str]:
    """One run over some frames: (exit status, what it logged)."""
    return run_until_it_ends(file, "--frames", str(FRAMES))


def run_until_it_ends(file: Path, *arguments: str) -> tuple[int, str]:
    with running(file, *arguments) as daemon:
        _, err = daemon.communicate(timeout=60)
    return daemon.returncode, err


@contextmanager
def running(file: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A daemon with less patience than usual."""
    daemon = subprocess.Popen(
        [sys.executable, "-m", "tests.hasty", "run", "-c", str(file), *arguments],
        env=environment(file.parent), cwd=PROJECT, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield daemon
    finally:
        daemon.kill()
        daemon.communicate(timeout=60)


def record(folder: Path) -> dict[str, Any]:
    """What is known of the Edge TPU from one process to the next."""
    found: dict[str, Any] = json.loads((folder / "state/edge-tpu.json").read_text())
    return found


def newest(messages: list[Message], topic: str) -> Any:
    return [message.json for message in messages if message.topic == f"edgecls/board/{topic}"][-1]


def test_one_that_answers_as_the_cpu_does_is_used_and_told(
    make_edge_tpu: MakeEdgeTpu,
    tmp_path: Path,
    mosquitto: Mosquitto,
    make_subscriber: MakeSubscriber,
) -> None:
    library = make_edge_tpu()
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    status, log = run(scene(tmp_path, "brightness", mqtt=mosquitto.url))
    assert status == 0, log
    assert "WARNING" not in log
    found = subscriber.wait_for_payload("status", "offline")
    (model,) = newest(found, "info")["models"]
    assert model["delegate"] == newest(found, "info")["delegate"] == "edgetpu"
    assert model["delegate_reason"].startswith("proved: its scores for 4 golden pictures differ f")
    assert model["library"].startswith(f"{library} (BuildLabel")
    assert model["file"] == "brightness_edgetpu.tflite"
    assert model["operators"] == {"accelerated": 1, "total": 1}
    assert newest(found, "health")["ok"]
    assert not record(tmp_path)["touching"]


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["-DAT=1", "-DFAILS"], "no Edge TPU is connected"),
        (["-DAT=1", "-DDIES"], f"{OPENED.format('crashes')} (SIGABRT)"),
        (["-DAT=1", "-DHANGS"], f"{OPENED.format('hangs')}: no answer in {PATIENCE_S:g} s"),
        (["-DAT=2", "-DDIES"], f"{OPENED.format('crashes')} (SIGABRT)"),
        (["-DAT=2", "-DFAILS"], "the library of the Edge TPU do not match"),
        (["-DAT=3", "-DDIES"], f"{INVOKED.format('crashes')} (SIGABRT)"),
        (["-DAT=3", "-DHANGS"], f"{INVOKED.format('hangs')}: no answer in {PATIENCE_S:g} s"),
        (["-DAT=3", "-DFAILS"], "the Edge TPU fails to run it: "),
        (["-DAT=3", "-DLIES"], "the Edge TPU gives wrong answers: its scores for a golden picture"),
    ],
)  # fmt: skip
def test_one_that_is_sick_leaves_the_work_to_the_cpu(
    flags: list[str], why: str, make_edge_tpu: MakeEdgeTpu, tmp_path: Path
) -> None:
    make_edge_tpu(*flags)
    status, log = run(scene(tmp_path, "brightness"))
    assert status == 0, log
    (line,) = [each for each in log.splitlines() if "takes its place" in each]
    assert why in line
    assert line.endswith("; brightness takes its place")
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (lambda sound: sound[:18] + b"\xf3\0" + sound[20:], "is for RISC-V, this Python for "),
        (lambda _: b"<html>404: Not Found</html>", "is no shared library; install the package "),
    ],
    ids=["another architecture", "text"],
)
def test_a_file_that_is_no_library_for_this_processor_leaves_the_work_to_the_cpu(
    content: Callable[[bytes], bytes], why: str, make_edge_tpu: MakeEdgeTpu, tmp_path: Path
) -> None:
    library = make_edge_tpu()
    library.write_bytes(content(library.read_bytes()))
    file = scene(tmp_path, "brightness")
    status, log = run(file)
    assert status == 0, log
    (line,) = [each for each in log.splitlines() if "takes its place" in each]
    assert f"{library} {why}" in line
    assert "Traceback" not in log
    assert not (tmp_path / "state/edge-tpu.json").exists()  # nothing against the Edge TPU
    (tmp_path / "brightness.tflite").unlink()
    status, log = run(file)
    (line,) = log.splitlines()
    assert status == 75
    assert f"{library} {why}" in line


def test_a_named_fallback_takes_the_place_whatever_its_name(tmp_path: Path) -> None:
    models(tmp_path, "brightness")
    (tmp_path / "brightness.tflite").rename(tmp_path / "other.tflite")
    text = CONFIG.replace("[watches", 'fallback = "other.tflite"\n[watches')
    status, log = run(scene(tmp_path, text=text))
    assert status == 0, log
    assert f"{LIBRARY} is not installed" in log
    assert "; other takes its place" in log


def test_without_a_model_for_the_cpu_it_is_status_75(
    make_edge_tpu: MakeEdgeTpu, tmp_path: Path
) -> None:
    make_edge_tpu("-DAT=1", "-DFAILS")
    text = CONFIG.replace("[watches", 'delegate = "edgetpu"\n[watches')
    status, log = run(scene(tmp_path, text=text))
    (line,) = log.splitlines()
    assert status == 75
    assert "no Edge TPU is connected, neither by USB nor by PCIe" in line


def test_a_configuration_is_valid_on_a_machine_without_one(tmp_path: Path) -> None:
    file = scene(tmp_path, "brightness")
    assert edgecls("check-config", "-c", file, home=tmp_path).returncode == 0
    file.write_text(CONFIG.replace("[watches", 'delegate = "cpu"\n[watches'))
    assert edgecls("check-config", "-c", file, home=tmp_path).returncode == 78


def test_a_published_model_without_labels_has_those_of_its_cpu_build(
    data: Path, tmp_path: Path
) -> None:
    model = data / "models/mobilenet_v2_1.0_224_quant_edgetpu.tflite"
    text = CONFIG.replace("brightness_edgetpu.tflite", str(model))
    text = text.replace('labels_file = "labels.txt"\n', "").replace(
        '["bright", "dark", "grey"]', '["Egyptian cat"]'
    )
    status, log = run(scene(tmp_path, text=text))
    assert status == 0, log
    assert "; mobilenet_v2_1.0_224_quant takes its place" in log


@pytest.mark.parametrize(
    ("hows", "status", "why"),
    [
        (
            ["-DTHREAD_DIES", "-DDIES"],
            -signal.SIGABRT,
            "the process died in an invoke on the Edge TPU (Aborted)",
        ),
        pytest.param(
            ["-DHANGS", "-DFAILS"],
            75,
            "the Edge TPU fails to run it",
            marks=pytest.mark.torture,
        ),
    ],
    ids=["crashes", "ends"],
)
def test_one_that_takes_the_process_along_twice_is_left_alone(
    hows: list[str],
    status: int,
    why: str,
    make_edge_tpu: MakeEdgeTpu,
    tmp_path: Path,
) -> None:
    file = scene(tmp_path, "brightness")
    for how in hows:
        make_edge_tpu(LATER, how)
        ended, log = run_until_it_ends(file)
        assert ended == status, log
        assert "on the Edge TPU, by" in log
        stuck = "an invoke of brightness_edgetpu did not come back (1 in a row)"
        assert (stuck in log) == (how == "-DHANGS")
    status, log = run(file)
    assert status == 0, log
    assert f"it failed 2 times in a row, the last time because {why}" in log
    assert "; it is not tried again before 20" in log
    assert "; brightness takes its place" in log
    make_edge_tpu()
    its_last_fault_was(tmp_path, 601)
    assert "on the Edge TPU, by" in run(file)[1]


def test_one_that_hangs_when_it_is_opened_for_the_second_time(
    make_edge_tpu: MakeEdgeTpu, tmp_path: Path
) -> None:
    sick = tmp_path / "sick"
    make_edge_tpu("-DAT=1", "-DHANGS", f'-DSICK="{sick}"', "-DWEARS_OUT")
    file = scene(tmp_path, "brightness")
    for _ in range(2):
        assert run(file)[0] == -signal.SIGALRM  # while it holds Python's lock: no thread can act
        assert record(tmp_path)["touching"]
        sick.unlink()
    status, log = run(file)
    assert status == 0, log
    assert "the process died when it opened the Edge TPU or ran it first (2 in a row)" in log
    assert "; brightness takes its place" in log


def test_one_that_is_slow_but_right_is_used(make_edge_tpu: MakeEdgeTpu, tmp_path: Path) -> None:
    """To open it and to run it first takes longer than either may."""
    make_edge_tpu("-DCREATE_MS=1300", "-DINVOKE_MS=300", "-DTALKS=3")
    status, log = run(scene(tmp_path, "brightness"))
    assert status == 0, log
    assert "on the Edge TPU, by" in log


def test_a_model_that_it_cannot_run_does_not_spoil_another(
    make_edge_tpu: MakeEdgeTpu, tmp_path: Path
) -> None:
    more = """
        [models.partly]
        file = "partly_edgetpu.tflite"
        labels_file = "labels.txt"
        fallback = "brightness.tflite"
        [watches.yard]
        model = "partly"
        """
    make_edge_tpu("-DPARTLY_DIES")
    file = scene(tmp_path, "brightness", "partly_edgetpu", text=CONFIG + more)
    assert run_until_it_ends(file)[0] == -signal.SIGABRT  # no other process could try it
    status, log = run_until_it_ends(file, "--frames", "10", EAGER)
    assert status == 0, log
    assert "brightness_edgetpu.tflite: on the Edge TPU, by" in log
    assert "model partly: " in log
    assert "the Edge TPU crashes when it is opened (SIGABRT)" in log
    assert "; brightness takes its place" in log


def test_a_daemon_that_is_killed_while_all_is_well_says_nothing_against_it(
    make_edge_tpu: MakeEdgeTpu,
    tmp_path: Path,
    mosquitto: Mosquitto,
    make_subscriber: MakeSubscriber,
) -> None:
    make_edge_tpu()
    text = f"{CONFIG}[stats]\ninterval_s = 1\n"
    file = scene(tmp_path, "brightness", text=text, mqtt=mosquitto.url)
    for _ in range(2):
        subscriber = make_subscriber(mosquitto.port, "edgecls/board/stats")
        with running(file) as daemon:
            subscriber.wait_for(bool)
            daemon.send_signal(signal.SIGKILL)
            daemon.wait(60)
    status, log = run(file)
    assert status == 0
    assert "on the Edge TPU, by" in log
    assert record(tmp_path)["models"] == {}


def test_one_that_answers_again_is_taken_back_without_a_restart(
    make_edge_tpu: MakeEdgeTpu,
    tmp_path: Path,
    mosquitto: Mosquitto,
    make_subscriber: MakeSubscriber,
) -> None:
    sick = tmp_path / "sick"
    sick.touch()
    make_edge_tpu("-DAT=3", "-DDIES", f'-DSICK="{sick}"')
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    with running(scene(tmp_path, "brightness", mqtt=mosquitto.url), EAGER):
        subscriber.wait_for(lambda found: "cpu" in delegates(found))
        found = subscriber.wait_for(lambda found: any(m.topic.endswith("/event") for m in found))
        is_told_why_it_is_on_the_cpu(found, "the Edge TPU crashes at its first invoke (SIGABRT)")
        sick.unlink()
        found = subscriber.wait_for(lambda found: "edgetpu" in delegates(found))
        subscriber.wait_for(lambda found: newest(found, "health")["ok"])
    ends = [m.json["reason"] for m in found if m.topic.endswith("/event") and "reason" in m.json]
    assert "model_changed" not in ends  # two builds of one network


def test_a_state_goes_on_over_the_restart_that_changes_the_build(
    make_edge_tpu: MakeEdgeTpu,
    tmp_path: Path,
    mosquitto: Mosquitto,
    make_subscriber: MakeSubscriber,
) -> None:
    text = CONFIG.replace("[watches.porch]", "[watches.porch]\nregion = [0.4, 0.4, 0.1, 0.1]")
    text += "[watches.porch.decision]\nmin_score = 0\nmin_margin = 0\n"
    make_edge_tpu()
    file = scene(tmp_path, "brightness", text=text, mqtt=mosquitto.url)
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    with running(file) as daemon:
        subscriber.wait_for(lambda found: any(m.topic.endswith("/event") for m in found))
        daemon.terminate()
        daemon.wait(60)
    make_edge_tpu("-DAT=1", "-DFAILS")
    assert "takes its place" in run(file)[1]
    found = subscriber.wait_for(lambda found: sum(m.topic.endswith("/event") for m in found) >= 2)
    assert delegates(found) == ["edgetpu", "cpu"]
    start, end = [m.json for m in found if m.topic.endswith("/event")]
    assert (end["start_id"], end["reason"]) == (start["id"], "source_ended")


def test_watches_and_models_share_one_edge_tpu_and_take_turns(
    make_edge_tpu: MakeEdgeTpu,
    tmp_path: Path,
    mosquitto: Mosquitto,
    make_subscriber: MakeSubscriber,
) -> None:
    make_edge_tpu()
    more = """
        [models.partly]
        file = "partly_edgetpu.tflite"
        labels_file = "labels.txt"
        [watches.yard]
        model = "partly"
        [watches.shed]
        model = "light"
        [stats]
        interval_s = 1
        """
    file = scene(tmp_path, "brightness", "partly_edgetpu", text=CONFIG + more, mqtt=mosquitto.url)
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    with running(file):
        found = subscriber.wait_for(
            lambda found: sum(m.topic.endswith("/stats") for m in found) >= 2
        )
    models_found = newest(found, "info")["models"]
    assert [each["delegate"] for each in models_found] == ["edgetpu"] * 2
    assert models_found[1]["operators"] == {"accelerated": 1, "total": 2}
    assert "not proved against the CPU" in models_found[1]["delegate_reason"]
    served = [each["classified"] for each in newest(found, "stats")["watches"].values()]
    assert min(served) > 0
    assert max(served) - min(served) <= 1


def delegates(found: list[Message]) -> list[str]:
    """What ran the model, by each `info`."""
    return [m.json["delegate"] for m in found if m.topic == "edgecls/board/info"]


def is_told_why_it_is_on_the_cpu(found: list[Message], why: str) -> None:
    (model,) = newest(found, "info")["models"]
    assert (model["delegate"], model["file"]) == ("cpu", "brightness.tflite")
    assert why in model["delegate_reason"]
    assert "library" not in model
    health = newest(found, "health")
    assert health["reasons"] == ["delegate_fallback:light"]
    assert why in health["details"]["delegate_fallback:light"]


def its_last_fault_was(folder: Path, past_s: float) -> None:
    """So long ago."""
    changed = record(folder)
    for faults in changed["models"].values():
        faults["at"] = time.time() - past_s
    (folder / "state/edge-tpu.json").write_text(json.dumps(changed))
