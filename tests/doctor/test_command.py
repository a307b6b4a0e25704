"""`edgecls doctor` as a person or a script meets it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

from edgecls.delivery.clock import clock_is_synchronised
from edgecls.doctor.examination import CHECKS, examine
from edgecls.doctor.findings import Patient
from tests.brokers import Mosquitto, free_port
from tests.doctor.patients import SCENE, patient
from tests.programs import TIMEOUT_S, edgecls, environment, json_lines

WELL = 0 if clock_is_synchronised() else 1  # the rest of what is needed is here


def test_on_a_board_that_is_well_only_the_clock_may_fail(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    board = patient(tmp_path, f'{SCENE}[mqtt]\nurl = "{mosquitto.url}"\n')
    done = edgecls("doctor", "-c", board.file, "--json", home=tmp_path)
    found = json_lines(done.stdout)
    assert done.returncode == WELL, done.stdout
    assert {each["check"] for each in found if each["result"] == "fail"} <= {"clock"}
    assert all(set(each) == {"check", "result", "found", "subject", "remedy"} for each in found)
    passed = [each["check"] for each in found if each["result"] == "pass"]
    assert passed[0] == "python"
    assert {"config", "model", "golden_picture", "first_invoke", "first_frame", "frame_rate",
            "disk_free", "broker_login", "broker_write"} <= {*passed}  # fmt: skip
    assert done.stderr == ""


def test_without_a_terminal_there_are_plain_lines(tmp_path: Path) -> None:
    done = edgecls("doctor", "-c", tmp_path / "nowhere.toml", home=tmp_path)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("PASS python: Python 3.")
    (config,) = [line for line in lines if line.startswith("FAIL config")]
    assert config.startswith(f"FAIL config ({tmp_path}/nowhere.toml): no such configuration file")
    assert "; remedy: name a configuration with -c" in config
    assert "SKIP model: there is no valid configuration" in lines
    assert "\x1b" not in done.stdout


def test_a_failure_does_not_stop_the_checks_after_it(tmp_path: Path) -> None:
    text = SCENE.replace("camera_health_v1", "nowhere").replace("demo:", "v4l2:/dev/video99")
    board = patient(tmp_path, f'{text}[mqtt]\nurl = "mqtt://127.0.0.1:{free_port()}"\n')
    done = edgecls("doctor", "-c", board.file, "--json", home=tmp_path)
    found = json_lines(done.stdout)
    assert done.returncode == 1
    failed = {each["check"] for each in found if each["result"] == "fail"}
    assert failed - {"clock"} == {"model", "first_invoke", "camera", "first_frame", "broker_tcp"}
    assert all(each["remedy"] for each in found if each["result"] == "fail")
    assert found[-1]["check"] == "service"


def test_a_terminal_gets_colours_and_the_remedy_below(tmp_path: Path) -> None:
    said = on_a_terminal("doctor", "-c", str(tmp_path / "nowhere.toml"), home=tmp_path)
    assert "\x1b[1;31mFAIL" in said
    assert "\x1b[32mPASS" in said
    assert "-> name a configuration with -c" in said


def test_every_check_that_breaks_is_a_finding(tmp_path: Path) -> None:
    """A folder in place of the file: nobody foresaw that, and everybody says so."""
    (tmp_path / "edgecls.toml").mkdir()
    found = [*examine(Patient(tmp_path / "edgecls.toml", tmp_path))]
    assert {each.check for each in found} >= {"python", "config", "service"}
    assert len(found) >= len(CHECKS)


def on_a_terminal(*arguments: str, home: Path) -> str:
    """What a command writes to a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    said = b""
    with subprocess.Popen(
        [sys.executable, "-m", "edgecls", *arguments],
        env=environment(home) | {"TERM": "xterm-256color", "COLUMNS": "100"},
        stdin=theirs, stdout=theirs, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        try:
            while chunk := os.read(ours, 4096):
                said += chunk
        except OSError:  # the program has ended, and its terminal with it
            os.close(ours)
        process.wait(TIMEOUT_S)
    return said.decode()
