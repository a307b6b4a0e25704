"""The whole way, as a program: a real video, a real model, a real broker."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import MakeMosquitto, MakeSubscriber, Mosquitto
from tests.media import grey
from tests.programs import Running, edgecls, json_lines, python
from tests.sources.server import http_camera
from tests.subscriber import Message

FRAMES_PER_S = 10  # of the person video
SCENE = """
[device]
id = "board"
[cameras.porch]
source = "demo:"
[watches.porch]
model = "camera_health_v1"
resize = "stretch"
labels = ["clear", "dark"]
[stats]
interval_s = 1
"""


TWO_VISITS = ("--frames", 300)  # of the six: four events


def visits(data: Path) -> str:
    """The person video as a watch for persons."""
    return f"""
        [device]
        id = "board"
        [cameras.hall]
        source = {json.dumps(f"file:{data}/videos/one-by-one-person-detection.mp4")}
        [models.vww]
        file = {json.dumps(f"{data}/models/vww_96_int8.tflite")}
        labels_file = {json.dumps(f"{data}/labels/vww_labels.txt")}
        [watches.hall]
        model = "vww"
        resize = "crop"
        labels = ["person"]
        [watches.hall.groups]
        none = ["non_person"]
        """


def write(folder: Path, text: str, mqtt: str = "") -> Path:
    file = folder / "edgecls.toml"
    file.write_text(text + (f"\n[mqtt]\n{mqtt}\n" if mqtt else ""))
    return file


def of(messages: list[Message], topic: str) -> list[Any]:
    return [message.json for message in messages if message.topic == f"edgecls/board/{topic}"]


def beginnings(data: Path) -> list[float]:
    """When the visits begin, in seconds of the video."""
    file = data / "videos" / "one-by-one-person-detection.csv"
    with file.open() as rows:
        return [int(row["start_frame"]) / FRAMES_PER_S for row in csv.DictReader(rows)]


def assert_six_visits(events: list[dict[str, Any]], begin_s: list[float]) -> None:
    assert [event["phase"] for event in events] == ["start", "end"] * 6
    starts = [event["media_s"] for event in events if event["phase"] == "start"]
    for began_s, start_s in zip(begin_s, starts, strict=True):
        assert -0.5 <= start_s - began_s <= 2.5


def test_six_visits_are_six_starts_on_the_broker(
    data: Path, tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    done = edgecls(
        "run", "-c", write(tmp_path, visits(data), f'url = "{mosquitto.url}"'), home=tmp_path
    )
    assert done.returncode == 0, done.stderr
    seen = subscriber.wait_for_payload("status", "offline")
    events = of(seen, "hall/event")
    assert_six_visits(events, beginnings(data))
    assert [event["seq"] for event in events] == list(range(1, 13))
    assert {event["label"] for event in events} == {"person"}
    on_off = [m.text for m in seen if m.topic == "edgecls/board/hall/label/person"]
    assert on_off == ["OFF", *["ON", "OFF"] * 6]
    labels = [state["label"] for state in of(seen, "hall/state")]
    assert labels == ["none", *["person", "none"] * 6]
    assert not any(m.retain for m in seen if m.topic.endswith(("/event", "/stats")))
    assert all(m.retain for m in seen if m.topic.endswith(("/state", "/label/person", "/info")))


def test_without_a_broker_the_same_events_are_json_lines(data: Path, tmp_path: Path) -> None:
    done = edgecls("run", "-c", write(tmp_path, visits(data)), home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_six_visits(json_lines(done.stdout), beginnings(data))


def test_events_that_no_broker_took_are_counted_at_the_end(data: Path, tmp_path: Path) -> None:
    file = write(tmp_path, visits(data), 'url = "mqtt://127.0.0.1:9"')
    done = edgecls("run", "-c", file, *TWO_VISITS, "--drain-timeout", 1, home=tmp_path)
    assert done.returncode == 1
    assert "edgecls run: 4 events were not delivered within 1 s" in done.stderr
    assert done.stderr.count("not reachable") == 1
    assert "Traceback" not in done.stderr


def test_a_broker_that_comes_later_gets_every_event(
    data: Path, tmp_path: Path, make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    broker = make_mosquitto()
    file = write(tmp_path, visits(data), f'url = "{broker.url}"')
    arguments = ("run", "-c", file, *TWO_VISITS, "--drain-timeout", 30)
    with Running(*arguments, home=tmp_path) as daemon:
        broker.start()
        subscriber = make_subscriber(broker.port, "edgecls/#")
        seen = subscriber.wait_for(lambda found: len(of(found, "hall/event")) == 4, 40)
        status, _, err = daemon.end()
    assert status == 0, err
    assert [event["seq"] for event in of(seen, "hall/event")] == [1, 2, 3, 4]


def test_a_wrong_password_stops_nothing_but_is_told(
    data: Path, tmp_path: Path, make_mosquitto: MakeMosquitto
) -> None:
    broker = make_mosquitto(users={"board": "right"}).start()
    (tmp_path / "password").write_text("wrong\n")
    (tmp_path / "password").chmod(0o600)
    login = f'url = "{broker.url}"\nusername = "board"\npassword_file = "password"'
    file = write(tmp_path, visits(data), login)
    done = edgecls("run", "-c", file, *TWO_VISITS, "--drain-timeout", 1, home=tmp_path)
    assert done.returncode == 1
    assert "4 events were not delivered" in done.stderr
    assert "wrong" not in done.stderr
    assert "not authori" in done.stderr.lower()


def test_a_world_readable_password_is_refused(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o644)
    login = 'url = "mqtt://127.0.0.1:9"\nusername = "board"\npassword_file = "password"'
    done = edgecls("run", "-c", write(tmp_path, SCENE, login), home=tmp_path)
    assert done.returncode == 78
    assert "password" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_an_orderly_stop(
    number: signal.Signals, tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    file = write(tmp_path, SCENE, f'url = "{mosquitto.url}"')
    with Running("run", "-c", file, home=tmp_path) as daemon:
        subscriber.wait_for(lambda found: bool(of(found, "porch/event")))
        status, _, err = daemon.stop(number)
    assert status == 0, err
    seen = subscriber.wait_for_payload("status", "offline")
    assert [m.text for m in seen if m.topic.endswith("/status")] == ["online", "offline"]
    # A stop ends no state: whoever was seen is still there when the board comes back.
    assert of(seen, "porch/event")[-1]["phase"] == "start"


def test_stats_tell_of_every_stage(
    tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, "edgecls/board/stats")
    file = write(tmp_path, SCENE, f'url = "{mosquitto.url}"')
    with Running("run", "-c", file, home=tmp_path):
        seen = subscriber.wait_for(lambda found: len(found) >= 2)
    stats = seen[1].json
    assert stats["schema"] == 1
    assert stats["frames"]["classified"] == sum(stats["watches"]["porch"]["verdicts"].values())
    for stage in ("age", "preprocess", "inference", "end_to_end"):
        figures = stats["latency_ms"][stage]
        assert 0 <= figures["p50"] <= figures["p95"] <= figures["p99"] <= figures["max"]
    assert stats["latency_ms"]["end_to_end"]["p50"] >= stats["latency_ms"]["inference"]["p50"]
    assert stats["rss_mb"] > 10
    assert {"outbox", "mqtt", "uptime_s", "interval_s", "fps", "cameras"} <= set(stats)


def test_several_cameras_watches_and_regions_share_one_engine(
    data: Path, tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    text = (
        visits(data).replace("[watches.hall]", '[watches.hall]\ncamera = "hall"')
        + f"""
        [cameras.bottles]
        source = {json.dumps(f"file:{data}/videos/bottle-detection.mp4")}
        [watches.left]
        camera = "hall"
        model = "vww"
        region = [0, 0, 0.5, 1]
        [watches.bottles]
        camera = "bottles"
        model = {json.dumps(f"{data}/models/mobilenet_v1_0.25_128_quant.tflite")}
        max_fps = 10
        """
    )
    done = edgecls("run", "-c", write(tmp_path, text, f'url = "{mosquitto.url}"'), home=tmp_path)
    assert done.returncode == 0, done.stderr
    seen = subscriber.wait_for_payload("status", "offline")
    assert_six_visits(of(seen, "hall/event"), beginnings(data))
    (info,) = of(seen, "info")
    assert [model["name"] for model in info["models"]] == [
        "vww",
        f"{data}/models/mobilenet_v1_0.25_128_quant.tflite",
    ]
    assert info["watches"]["hall"]["labels"] == [{"label": "person", "slug": "person"}]
    assert info["watches"]["bottles"]["labels"] == 1001
    assert of(seen, "left/event")


def test_a_camera_that_is_not_there_is_status_75(tmp_path: Path) -> None:
    text = SCENE.replace("demo:", "v4l2:/dev/video99")
    done = edgecls("run", "-c", write(tmp_path, text), home=tmp_path)
    assert done.returncode == 75
    line = done.stderr.splitlines()[-1]
    assert line.startswith("edgecls run: camera porch: ")
    assert "/dev/video99" in line


def test_a_missing_video_is_status_78(tmp_path: Path) -> None:
    text = SCENE.replace("demo:", "file:nowhere.mp4")
    done = edgecls("run", "-c", write(tmp_path, text), home=tmp_path)
    assert done.returncode == 78
    assert "nowhere.mp4" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_camera_of_two_that_is_missing_is_a_fault_and_the_other_goes_on(
    tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    text = (
        SCENE.replace("[watches.porch]", '[watches.porch]\ncamera = "porch"')
        + """
        [cameras.yard]
        source = "v4l2:/dev/video99"
        stall_timeout_s = 1
        [watches.yard]
        camera = "yard"
        model = "camera_health_v1"
        """
    )
    with Running("run", "-c", write(tmp_path, text, f'url = "{mosquitto.url}"'), home=tmp_path):
        seen = subscriber.wait_for(
            lambda found: (
                any(not health["ok"] for health in of(found, "health"))
                and bool(of(found, "porch/event"))
            )
        )
    assert of(seen, "health")[-1]["reasons"] == ["camera_stalled:yard"]


def test_the_daemon_imports_only_what_its_configuration_needs(data: Path, tmp_path: Path) -> None:
    file = write(tmp_path, visits(data), 'url = "mqtt://127.0.0.1:9"')
    program = (
        "import sys; from edgecls.cli import main; "
        f"main(['run', '-c', {str(file)!r}, '--frames', '20', '--drain-timeout', '0']); "
        "print(sorted({'rich', 'PIL', 'amqtt', 'cv2', 'picamera2'} & set(sys.modules)))"
    )
    done = python("-c", program, home=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_a_camera_that_stalls_ends_its_state_and_is_found_again(
    tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    # All white is overexposed; the state is the camera's as long as it gives frames.
    with http_camera([grey(255)] * 30, then="stall") as camera:
        source = f'source = "{camera.url}"\nfps = 50\nstall_timeout_s = 1'
        text = SCENE.replace('source = "demo:"', source).replace('"clear", "dark"', '"overexposed"')
        file = write(tmp_path, text, f'url = "{mosquitto.url}"')
        with Running("run", "-c", file, home=tmp_path) as daemon:
            seen = subscriber.wait_for(lambda found: len(of(found, "porch/event")) >= 2)
            start, end = of(seen, "porch/event")[:2]
            assert (start["phase"], start["label"]) == ("start", "overexposed")
            assert (end["phase"], end["reason"]) == ("end", "camera_stalled")
            assert end["start_id"] == start["id"]
            subscriber.wait_for(
                lambda found: (
                    [h["reasons"] for h in of(found, "health")][-2:]
                    == [["camera_stalled:porch"], []]
                )
            )
            subscriber.wait_for(lambda found: len(of(found, "porch/event")) >= 3)
            status, _, err = daemon.stop()
    assert status == 0
    assert "camera porch lost" in err
    assert "camera porch back after" in err


def test_a_signal_while_draining_ends_the_wait(data: Path, tmp_path: Path) -> None:
    file = write(tmp_path, visits(data), 'url = "mqtt://127.0.0.1:9"')
    with Running(
        "run", "-c", file, "--frames", 300, "--drain-timeout", 3600, home=tmp_path
    ) as daemon:
        assert daemon.process.stderr is not None
        while "not reachable" not in daemon.process.stderr.readline():
            pass
        status, _, _ = daemon.stop()
    assert status == 0


def test_a_watch_that_is_disabled_says_so_and_sees_nothing(
    tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    text = SCENE.replace("resize", "enabled = false\nresize")
    with Running("run", "-c", write(tmp_path, text, f'url = "{mosquitto.url}"'), home=tmp_path):
        seen = subscriber.wait_for(lambda found: len(of(found, "stats")) >= 2)
    assert of(seen, "config")[0]["watches"]["porch"]["enabled"] is False
    assert [state["label"] for state in of(seen, "porch/state")] == ["none"]
    off = [m.text for m in seen if m.topic.endswith("/label/clear")]
    assert off == ["OFF"]
    assert of(seen, "stats")[1]["frames"]["classified"] == 0


def test_two_classes_of_one_label_have_topics_of_their_own(
    tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    (tmp_path / "labels.txt").write_text("crane\ndark\nover\nblurred\ncrane\n")
    text = """
        [device]
        id = "board"
        [cameras.porch]
        source = "demo:"
        [models.m]
        file = "camera_health_v1"
        labels_file = "labels.txt"
        [watches.porch]
        model = "m"
        labels = ["crane"]
        """
    with Running("run", "-c", write(tmp_path, text, f'url = "{mosquitto.url}"'), home=tmp_path):
        seen = subscriber.wait_for(lambda found: bool(of(found, "porch/event")))
    (event,) = of(seen, "porch/event")
    assert (event["label"], event["slug"]) == ("crane", "crane_0")
    last = {m.topic.rsplit("/", 1)[1]: m.text for m in seen if "/label/" in m.topic}
    assert last == {"crane_0": "ON", "crane_4": "OFF"}
