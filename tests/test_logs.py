"""Log lines as the journal, a program and a person get them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgecls.logs import is_journal
from tests.programs import TIMEOUT_S, environment, json_lines

SCENE = """
[cameras.porch]
source = "demo:"
[models.eye]
file = "camera_health_v1"
delegate = "edgetpu"
[watches.porch]
model = "eye"
"""
SAYS_IT_ALL = """
import logging, os, sys
from edgecls import logs
logs.configure(logging.INFO, sys.argv[1], os.environ)
log = logging.getLogger("edgecls.porch")
log.debug("not told")
log.info("camera at rtsp://admin:s3cret@porch/x")
log.warning("two\\nlines")
try:
    raise OSError("http://porch/?user=me&password=s3cret")
except OSError:
    log.error("gone", exc_info=True)
log.critical("ending")
logs.tell("edgecls run: it cannot")
"""


def logged(log_format: str, folder: Path, *command: str, journal: bool = False) -> str:
    """What a program writes to stderr; `journal`: systemd has said that this is the journal."""
    sink = folder / "stderr"
    with sink.open("wb") as stderr:
        stat = os.fstat(stderr.fileno())
        told = {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"} if journal else {}
        subprocess.run(
            [sys.executable, *(command or ("-c", SAYS_IT_ALL, log_format))],
            env=environment(folder) | told, stderr=stderr, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    return sink.read_text()


def test_the_journal_gets_priorities_and_no_time(tmp_path: Path) -> None:
    assert logged("text", tmp_path, journal=True).splitlines() == [
        "<6>camera at rtsp://porch/x",
        "<4>two\\nlines",
        "<3>gone: OSError: http://porch/?user=me&password=…",
        "<2>ending",
        "<3>edgecls run: it cannot",
    ]


def test_a_person_gets_time_and_level_and_of_the_last_words_nothing_but_them(
    tmp_path: Path,
) -> None:
    camera, wrapped, gone, ending, last = logged("text", tmp_path).splitlines()
    assert camera.endswith(" INFO camera at rtsp://porch/x")
    assert wrapped.endswith(" WARNING two\\nlines")
    assert gone.endswith(" ERROR gone: OSError: http://porch/?user=me&password=…")
    assert ending.endswith(" CRITICAL ending")
    assert last == "edgecls run: it cannot"
    assert camera[:4].isdecimal()


def test_a_program_gets_one_object_per_line(tmp_path: Path) -> None:
    camera, wrapped, gone, _, last = json_lines(logged("json", tmp_path))
    assert set(camera) == {"ts", "level", "logger", "message"}
    assert camera["ts"].endswith("Z")
    assert (camera["level"], camera["logger"]) == ("info", "edgecls.porch")
    assert wrapped["message"] == "two\nlines"
    assert gone["exc"].startswith("Traceback")
    assert gone["exc"].endswith("OSError: http://porch/?user=me&password=…")
    assert (last["level"], last["message"]) == ("error", "edgecls run: it cannot")


def test_json_in_the_journal_has_a_priority_as_well(tmp_path: Path) -> None:
    first = logged("json", tmp_path, journal=True).splitlines()[0]
    assert first.startswith("<6>{")
    assert json.loads(first[3:])["message"] == "camera at rtsp://porch/x"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_login_of_a_url_is_told(log_format: str, tmp_path: Path) -> None:
    assert "s3cret" not in logged(log_format, tmp_path)


def test_an_inherited_variable_is_not_the_journal() -> None:
    assert not is_journal({"JOURNAL_STREAM": "8:12345"})
    assert not is_journal({})


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_every_line_of_a_command_is_an_object(debug: list[str], tmp_path: Path) -> None:
    file = tmp_path / "edgecls.toml"
    file.write_text(SCENE)
    options = ("-c", str(file), "--log-format", "json", *debug)
    lines = json_lines(logged("", tmp_path, "-m", "edgecls", "run", "--frames", "2", *options))
    warnings = [line["message"] for line in lines if line["level"] == "warning"]
    said = "the model is not compiled for the Edge TPU: it runs on the CPU"
    assert warnings == [f"model camera_health_v1: {said}"]
    assert all(set(line) >= {"ts", "level", "logger", "message"} for line in lines)
    file.write_text(SCENE + "colour = 1")
    (last,) = json_lines(logged("", tmp_path, "-m", "edgecls", "run", *options))
    assert "unknown key 'colour'" in last["message"]
    assert ("exc" in last) == bool(debug)


def test_debug_shows_a_person_the_traceback(tmp_path: Path) -> None:
    said = logged("", tmp_path, "-m", "edgecls", "run", "-c", "nowhere.toml", "--debug")
    assert said.startswith("Traceback")
