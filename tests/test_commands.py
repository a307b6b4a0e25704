"""The commands as a person or a script meets them: output, exit status, one clear line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.brokers import wait_until
from tests.conftest import PROJECT
from tests.programs import TIMEOUT_S, Running, edgecls, json_lines
from tests.terminals import Terminal

SCENE = """
[cameras.porch]
source = "demo:"
[watches.porch]
model = "camera_health_v1"
resize = "stretch"
"""


def beside_the_log(stderr: str) -> list[str]:
    """Its lines without those that tell what goes well, such as how many threads a model gets."""
    return [line for line in stderr.splitlines() if " INFO " not in line]


def write(folder: Path, text: str) -> Path:
    file = folder / "edgecls.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("addition", "said"),
    [
        ("[watches.porch.decision]\nmin_scroe = 1", "unknown key 'min_scroe'; did you mean 'min_score'?"),
        ('labels = ["drak"]', "drak"),
        ('[watches.porch.groups]\nbad = ["#5-9"]', "bad"),
        ('[watches.yard]\nmodel = "camera_health_v2"', "[watches.yard] model: model 'camera_health_v2' is not installed; did you mean 'camera_health_v1'?"),
        ('[watches.yard]\nmodel = "no/such.tflite"', "no/such.tflite: there is no such model file"),
        ('[models.m]\nfile = "camera_health_v1"\nlabels_file = "labels.txt"\n[watches.yard]\nmodel = "m"', "labels.txt"),
        ('[mqtt]\nurl = "foo://x"', "foo://x"),
        ('[mqtt]\nurl = "mqtt://b"\nbase_topic = "home/#"', "base_topic must be a topic without"),
        ('[cameras.yard]\nsource = "file:no.mp4"\n[watches.yard]\ncamera = "yard"\nmodel = "camera_health_v1"', "no.mp4"),
        ('[models.m]\nfile = "camera_health_v1"\ndelegate = "gpu"\n[watches.yard]\nmodel = "m"', '"edgetpu:usb:0" or "edgetpu:pci:0"'),
        ('[cameras.yard]\nsource = "pictures:"\n[watches.yard]\ncamera = "yard"\nmodel = "camera_health_v1"', "pictures:"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["check-config", "run"])
def test_a_wrong_configuration_is_one_line_and_status_78(
    command: str, addition: str, said: str, tmp_path: Path
) -> None:
    text = SCENE + ('camera = "porch"\n' if "cameras.yard" in addition else "")
    if "labels.txt" in addition:
        (tmp_path / "labels.txt").write_text("one\ntwo\n")
    file = write(tmp_path, text + addition)
    done = edgecls(command, "-c", file, home=tmp_path)
    assert done.returncode == 78, done.stderr
    assert done.stdout == ""
    (line,) = beside_the_log(done.stderr)
    assert line.startswith(f"edgecls {command}: ")
    assert said in line


def test_no_configuration_file_says_so(tmp_path: Path) -> None:
    done = edgecls("run", "-c", tmp_path / "nowhere.toml", home=tmp_path)
    assert done.returncode == 78
    assert "nowhere.toml: no such configuration file" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage_is_status_2(tmp_path: Path) -> None:
    assert edgecls("run", "--frames", "many", home=tmp_path).returncode == 2
    assert edgecls("classify", home=tmp_path).returncode == 2
    assert edgecls("fly", home=tmp_path).returncode == 2


def test_check_config_accepts_what_ships(tmp_path: Path) -> None:
    done = edgecls("check-config", "-c", PROJECT / "configs" / "edgecls.toml", home=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "fine" in done.stderr


def test_a_shadow_that_cannot_be_had_is_told_and_stops_nothing(tmp_path: Path) -> None:
    scene = SCENE + 'shadow = "nowhere.tflite"'
    done = edgecls("check-config", "-c", write(tmp_path, scene), home=tmp_path)
    assert done.returncode == 0
    assert "watch porch goes on without its shadow: " in done.stderr


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ("leave_score = 0", "with leave_score 0 a state never ends by itself"),
        ("min_score = 0", "with min_score 0 a state never ends by itself, for leave_score is half"),
        ("min_score_by_label = { dark = 0 }", 'with min_score "dark" 0 a state never ends'),
        ("min_score = 0.01", None),
    ],
)
def test_a_state_that_cannot_end_is_told(decision: str, said: str | None, tmp_path: Path) -> None:
    file = write(tmp_path, f"{SCENE}[watches.porch.decision]\n{decision}\n")
    done = edgecls("check-config", "-c", file, home=tmp_path)
    assert done.returncode == 0
    assert (said is None) == ("warning" not in done.stderr)
    assert said is None or f"watch porch: {said}" in done.stderr


def test_check_config_shows_no_login(tmp_path: Path) -> None:
    file = write(tmp_path, SCENE.replace("demo:", "rtsp://admin:s3cret@127.0.0.1/x"))
    done = edgecls("check-config", "-c", file, "--show", home=tmp_path)
    assert done.returncode == 0
    assert "s3cret" not in done.stdout + done.stderr


def test_what_check_config_shows_loads_and_shows_the_same(tmp_path: Path) -> None:
    file = write(tmp_path, SCENE + '[mqtt]\nurl = "mqtt://b"\nusername = "Jürgen \\"x\\""\n')
    shown = edgecls("check-config", "-c", file, "--show", home=tmp_path).stdout
    assert "min_score = 0.6" in shown
    again = write(tmp_path, shown)
    assert edgecls("check-config", "-c", again, "--show", home=tmp_path).stdout == shown


def test_classify_prints_one_json_line_per_image_and_goes_on_after_a_bad_one(
    data: Path, tmp_path: Path
) -> None:
    cat, broken = data / "images/photos/cat.bmp", tmp_path / "x.jpg"
    broken.write_bytes(b"not a picture")
    model = data / "models/mobilenet_v2_1.0_224_quant.tflite"
    done = edgecls("classify", cat, broken, cat, "-m", model, "--top", 3, "--json", home=tmp_path)
    first, failed, last = json_lines(done.stdout)
    assert done.returncode == 1
    assert first["file"] == str(cat)
    assert [set(c) for c in first["top"]] == [{"index", "label", "score"}] * 3
    assert (first["top"][0]["index"], first["top"][0]["label"]) == (286, "Egyptian cat")
    assert first["verdict"] in ("accepted", "ambiguous")
    assert set(first["latency_ms"]) == {"preprocess", "inference"}
    assert failed["file"] == str(broken)
    assert set(failed) == {"file", "error"}
    assert last["top"] == first["top"]


def test_classify_for_people_names_the_class(data: Path, tmp_path: Path) -> None:
    model = data / "models/mobilenet_v2_1.0_224_quant.tflite"
    done = edgecls("classify", data / "images/photos/parrot.jpg", "-m", model, home=tmp_path)
    assert done.returncode == 0
    assert "macaw  (#89)" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "model",
    ["corrupt/empty", "corrupt/html_404", "corrupt/lfs_pointer", "corrupt/truncated_half",
     "unusable/split_concat", "person_detect"],
)  # fmt: skip
def test_a_bad_model_is_one_line_and_status_78(model: str, data: Path, tmp_path: Path) -> None:
    file = data / "models" / f"{model}.tflite"
    done = edgecls("classify", data / "images/photos/cat.bmp", "-m", file, home=tmp_path)
    assert done.returncode == 78
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"edgecls classify: {file}")


def test_demo_without_a_terminal_prints_lines_and_ends_well(tmp_path: Path) -> None:
    done = edgecls("demo", "--seconds", 8, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "event start clear" in done.stdout
    assert "fps  inference p50" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["demo", "look"])
def test_a_terminal_that_is_gone_is_the_end(command: str, tmp_path: Path) -> None:
    options = ("-c", write(tmp_path, SCENE)) if command == "look" else ()
    said = tmp_path / "said"
    with Terminal(command, *options, home=tmp_path, stderr=said) as terminal:
        terminal.shows("p95 ms")
        terminal.hang_up()
        assert terminal.process.wait(TIMEOUT_S) == 0
    assert "error" not in said.read_text()


def test_another_model_changes_what_the_demo_prints(data: Path, tmp_path: Path) -> None:
    model = data / "models/vww_96_int8.tflite"
    said = []
    with Running("demo", "-m", model, home=tmp_path) as demo:
        assert demo.process.stdout is not None
        for line in demo.process.stdout:
            said.append(line)
            if "state" in line:
                break
        status, rest, err = demo.stop()
    assert status == 0, err
    assert "state" in said[-1]
    assert "clear" not in "".join([*said, rest])


def test_look_writes_exactly_what_the_model_sees(tmp_path: Path) -> None:
    picture = tmp_path / "x.png"
    done = edgecls("look", "-c", write(tmp_path, SCENE), "-o", picture, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{picture}: 96x96, as the model sees it: clear 0.")
    with Image.open(picture) as image:
        assert image.size == (96, 96)


def test_look_at_a_watch_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    done = edgecls("look", "yard", "-c", write(tmp_path, SCENE), home=tmp_path)
    assert done.returncode == 2
    assert "there is no watch 'yard'; there is: porch" in done.stderr


@pytest.mark.parametrize(
    "text",
    ["[mqtt]\nurl = 'mqtt://[::1'", '[watches.yard]\nmodel = "~nosuchuser/x.tflite"',
     f'[watches.yard]\nmodel = "{"x" * 5000}"', "max_fps = 1" + "0" * 400,
     "max_fps = " + "1" * 5000, "a = " + "[" * 3000, '["\\u001b[31mx"]\nkey = 1'],
)  # fmt: skip
def test_what_no_one_would_write_is_one_line_as_well(text: str, tmp_path: Path) -> None:
    done = edgecls("run", "-c", write(tmp_path, SCENE + text), home=tmp_path)
    assert done.returncode == 78, done.stderr
    assert len(beside_the_log(done.stderr)) == 1
    assert "\x1b" not in done.stderr


def test_a_name_that_is_no_text_is_still_json(tmp_path: Path) -> None:
    name = os.fsdecode(b"bad\xff.png")
    Image.new("RGB", (8, 8)).save(tmp_path / name)
    done = edgecls("classify", tmp_path / name, "-m", "camera_health_v1", "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = json_lines(done.stdout)
    assert line["file"] == str(tmp_path / name)


def test_a_closed_stdout_is_no_failure(tmp_path: Path) -> None:
    file = write(tmp_path, SCENE)
    command = f"{sys.executable} -m edgecls run -c {file} --frames 3 >&-"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert (done.returncode, beside_the_log(done.stderr)) == (0, [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_is_an_orderly_stop(
    number: signal.Signals, tmp_path: Path
) -> None:
    with Running("run", "-c", write(tmp_path, SCENE), home=tmp_path) as daemon:
        wait_until(lambda: "numpy" in maps(daemon.process.pid), "it is importing")
        status, _, err = daemon.stop(number)
    assert status == 0, err
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_stopped_before_its_result_is_not_done(
    number: signal.Signals, tmp_path: Path
) -> None:
    endless = tmp_path / "endless.toml"
    os.mkfifo(endless)
    checking = Running("check-config", "-c", endless, home=tmp_path)
    with checking, endless.open("w"):  # which waits until it is read
        status, _, err = checking.stop(number)
    assert (status, err) == (1, "edgecls check-config: stopped before it was done\n")


def maps(pid: int) -> str:
    """The libraries that a process has loaded."""
    return Path(f"/proc/{pid}/maps").read_text()
