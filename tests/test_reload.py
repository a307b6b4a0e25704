"""SIGHUP: a good file takes effect without losing anything; a bad one changes nothing."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.brokers import MakeMosquitto, MakeSubscriber, Mosquitto
from tests.programs import Running
from tests.subscriber import Message, Subscriber
from tests.test_supervisor import Manager

BASE = "edgecls/board/"
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


class Board:
    """A daemon with its configuration file. The porch is dark, the yard too bright."""

    def __init__(self, folder: Path, broker: Mosquitto | None = None) -> None:
        self.folder, self.file = folder, folder / "edgecls.toml"
        for name, colour in {"porch": BLACK, "yard": WHITE}.items():
            (folder / name).mkdir()
            Image.new("RGB", (160, 120), colour).save(folder / name / "0.png")
        self.device, self.mqtt = 'id = "board"', "" if broker is None else f'url = "{broker.url}"'
        self.cameras = {"porch": self.live("porch")}
        self.watches = {"porch": self.watch()}
        self.models: dict[str, str] = {}

    @staticmethod
    def live(folder: str) -> str:
        return f'source = "dir:{folder}/?loop=true&fps=20&realtime=true"'

    @staticmethod
    def watch(keys: str = 'labels = ["dark"]', decision: str = "", model: str = "") -> str:
        model = model or "camera_health_v1"
        return f'model = "{model}"\nresize = "stretch"\n{keys}\ndecision = {{ {decision} }}'

    def write(self) -> None:
        tables = {"device": self.device, "mqtt": self.mqtt, "stats": "interval_s = 1"}
        tables |= {f"cameras.{name}": keys for name, keys in self.cameras.items()}
        tables |= {f"models.{name}": keys for name, keys in self.models.items()}
        tables |= {f"watches.{name}": keys for name, keys in self.watches.items()}
        said = [f"[{name}]\n{keys}\n" for name, keys in tables.items() if keys]
        new = self.file.with_suffix(".new")  # as editors do: nobody reads half a file
        new.write_text("\n".join(said))
        new.replace(self.file)

    @contextmanager
    def running(self) -> Iterator[Running]:
        self.write()
        with Running("run", "-c", self.file, home=self.folder) as daemon:
            yield daemon

    def reload(self, daemon: Running) -> None:
        self.write()
        daemon.process.send_signal(signal.SIGHUP)


def of(messages: list[Message], topic: str) -> list[Any]:
    """Payloads of a topic as JSON; an empty one is None."""
    return [m.json if m.payload else None for m in messages if m.topic == BASE + topic]


def texts(messages: list[Message], topic: str) -> list[str]:
    return [m.text for m in messages if m.topic == BASE + topic]


def last(topic: str, wanted: Callable[[Any], bool]) -> Callable[[list[Message]], bool]:
    """Whether the newest payload of a topic is what is wanted."""

    def holds(found: list[Message]) -> bool:
        said = of(found, topic)
        return bool(said) and wanted(said[-1])

    return holds


def is_dark(state: Any) -> bool:
    return state is not None and state["label"] == "dark"


@pytest.fixture
def board(tmp_path: Path, mosquitto: Mosquitto) -> Board:
    return Board(tmp_path, mosquitto)


@pytest.fixture
def ear(mosquitto: Mosquitto, make_subscriber: MakeSubscriber) -> Subscriber:
    return make_subscriber(mosquitto.port, "#")


def end_of(daemon: Running) -> str:
    """What was logged, after an orderly stop."""
    status, _, err = daemon.stop()
    assert status == 0, err
    assert "Traceback" not in err
    return err


def test_another_threshold_keeps_state_connection_and_silence(
    board: Board, ear: Subscriber
) -> None:
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        board.watches["porch"] = board.watch(decision="min_score = 0.9")
        board.reload(daemon)
        ear.wait_for(last("config", lambda c: c["watches"]["porch"]["min_score"] == 0.9))
        told = len(of(ear.messages, "stats"))
        seen = ear.wait_for(lambda found: len(of(found, "stats")) >= told + 2)
        assert [event["phase"] for event in of(seen, "porch/event")] == ["start"]
        assert of(seen, "stats")[-1]["mqtt"]["connects"] == 1
        assert texts(seen, "status") == ["online"]
        assert "configuration reloaded: watch porch changed" in end_of(daemon)


def test_the_same_file_again_changes_nothing(board: Board, ear: Subscriber) -> None:
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        board.reload(daemon)
        assert daemon.process.stderr is not None
        for line in daemon.process.stderr:
            if "configuration reloaded" in line:
                break
        assert line.strip().endswith("configuration reloaded: nothing has changed")
        end_of(daemon)
    assert [event["phase"] for event in of(ear.messages, "porch/event")] == ["start"]


def test_labels_come_and_go(board: Board, ear: Subscriber) -> None:
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        board.watches["porch"] = board.watch('labels = ["dark", "covered"]')
        board.reload(daemon)
        ear.wait_for(lambda found: texts(found, "porch/label/covered") == ["OFF"])
        board.watches["porch"] = board.watch('labels = ["covered"]', "none_after_s = 0.2")
        board.reload(daemon)
        seen = ear.wait_for(lambda found: len(of(found, "porch/event")) == 2)
        ear.wait_for(lambda found: texts(found, "porch/label/dark")[-1:] == [""])
        assert of(seen, "porch/event")[-1]["reason"] == "no_support"
        end_of(daemon)


def test_watches_come_and_go(board: Board, ear: Subscriber) -> None:
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        board.watches["gate"] = board.watch()
        board.reload(daemon)
        ear.wait_for(last("gate/state", is_dark))
        del board.watches["porch"]
        board.reload(daemon)
        ear.wait_for(last("porch/state", lambda state: state is None))
        seen = ear.wait_for(lambda found: len(of(found, "porch/event")) == 2)
        assert texts(seen, "porch/label/dark")[-1] == ""
        assert of(seen, "porch/event")[-1]["reason"] == "removed"
        assert [event["phase"] for event in of(seen, "gate/event")] == ["start"]
        stats = len(of(seen, "stats"))
        seen = ear.wait_for(lambda found: len(of(found, "stats")) >= stats + 2)
        assert list(of(seen, "stats")[-1]["watches"]) == ["gate"]
        assert list(of(seen, "info")[-1]["watches"]) == ["gate"]
        end_of(daemon)
    with board.running() as daemon:  # nothing is left of it to be said once more
        online = texts(ear.messages, "status").count("online")
        ear.wait_for(lambda found: texts(found, "status").count("online") > online)
        end_of(daemon)
    assert len(of(ear.messages, "porch/event")) == 2


def test_cameras_come_go_and_change(board: Board, ear: Subscriber) -> None:
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        board.cameras = {"porch": board.live("yard"), "yard": board.live("yard")}
        board.watches = {
            "porch": 'camera = "porch"\n' + board.watch('labels = ["dark", "overexposed"]'),
            "yard": 'camera = "yard"\n' + board.watch('labels = ["overexposed"]'),
        }
        board.reload(daemon)
        ear.wait_for(last("yard/state", lambda s: s is not None and s["label"] == "overexposed"))
        seen = ear.wait_for(lambda found: len(of(found, "porch/event")) == 3)
        phases = [(e["phase"], e["label"], e.get("reason")) for e in of(seen, "porch/event")]
        assert phases[1:] == [("end", "dark", "replaced"), ("start", "overexposed", None)]
        board.cameras = {"garden": board.live("porch")}
        board.watches = {"porch": board.watch('labels = ["dark", "overexposed"]')}
        board.reload(daemon)
        ear.wait_for(last("porch/state", is_dark))
        stats = len(of(ear.messages, "stats"))
        seen = ear.wait_for(lambda found: len(of(found, "stats")) >= stats + 2)
        assert list(of(seen, "stats")[-1]["cameras"]) == ["garden"]
        assert of(seen, "health")[-1]["ok"]
        err = end_of(daemon)
    assert "camera porch changed, camera yard added" in err
    assert "camera porch removed, camera yard removed, camera garden added" in err


def test_a_camera_that_cannot_be_opened_does_not_end_the_others(
    board: Board, ear: Subscriber
) -> None:
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        (board.folder / "film.mp4").write_text("no film")
        board.cameras["yard"] = 'source = "file:film.mp4"\nstall_timeout_s = 1'
        board.watches = {name: f'camera = "{name}"\n' + board.watch() for name in ("porch", "yard")}
        board.reload(daemon)
        ear.wait_for(last("health", lambda h: h["reasons"] == ["camera_stalled:yard"]))
        assert [event["phase"] for event in of(ear.messages, "porch/event")] == ["start"]
        end_of(daemon)


def test_another_model_ends_the_state(board: Board, ear: Subscriber) -> None:
    shipped = Path(__file__).parents[1] / "models" / "camera_health_v1.tflite"
    ours = board.folder / "ours.tflite"
    ours.write_bytes(shipped.read_bytes())
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        board.watches["porch"] = board.watch(model=str(ours))
        board.reload(daemon)
        seen = ear.wait_for(lambda found: len(of(found, "porch/event")) == 3)
        told = [(event["phase"], event.get("reason")) for event in of(seen, "porch/event")]
        assert told == [("start", None), ("end", "model_changed"), ("start", None)]
        assert of(seen, "porch/event")[-1]["model"] == str(ours)
        end_of(daemon)


def test_a_watch_is_switched_off_and_on(board: Board, ear: Subscriber) -> None:
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        board.watches["porch"] = board.watch("enabled = false")
        board.reload(daemon)
        ear.wait_for(last("porch/state", lambda state: state["label"] == "none"))
        board.watches["porch"] = board.watch("enabled = true")
        board.reload(daemon)
        seen = ear.wait_for(lambda found: len(of(found, "porch/event")) == 3)
        assert of(seen, "porch/event")[1]["reason"] == "disabled"
        end_of(daemon)


def test_what_was_set_holds_until_the_file_says_something_new(
    board: Board, ear: Subscriber
) -> None:
    def min_score(value: float) -> Callable[[list[Message]], bool]:
        return last("config", lambda c: c["watches"]["porch"]["min_score"] == value)

    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        ear.publish(f"{BASE}porch/set/min_score", "0.7")
        ear.wait_for(min_score(0.7))
        board.watches["gate"] = board.watch()
        board.reload(daemon)
        ear.wait_for(last("gate/state", is_dark))
        assert min_score(0.7)(ear.messages)
        board.watches["porch"] = board.watch(decision="min_score = 0.8")
        board.reload(daemon)
        ear.wait_for(min_score(0.8))
        board.watches["porch"] = board.watch()  # the file as it was when 0.7 was set
        board.reload(daemon)
        ear.wait_for(min_score(0.6))
        end_of(daemon)
    infos = len(of(ear.messages, "config"))
    with board.running() as daemon:
        seen = ear.wait_for(lambda found: len(of(found, "config")) > infos)
        assert of(seen, "config")[-1]["watches"]["porch"]["min_score"] == 0.6
        end_of(daemon)


def test_another_broker_gets_all_and_the_old_one_sees_us_leave(
    board: Board, ear: Subscriber, make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    other = make_mosquitto().start()
    there = make_subscriber(other.port, "#")
    with board.running() as daemon:
        ear.wait_for(lambda found: bool(of(found, "porch/event")))
        ear.wait_for(last("stats", lambda stats: "ack" in stats["latency_ms"]))
        board.mqtt = f'url = "{other.url}"'
        board.watches["gate"] = board.watch()
        board.reload(daemon)
        seen = there.wait_for(last("gate/state", is_dark))
        assert of(seen, "porch/state")[-1]["label"] == "dark"
        assert texts(seen, "status") == ["online"]
        seen = there.wait_for(lambda found: bool(of(found, "gate/event")))
        assert not of(seen, "porch/event")
        ear.wait_for(lambda found: texts(found, "status")[-1] == "offline", 30)
        err = end_of(daemon)
    assert "lost" not in err


def test_home_assistant_and_commands_follow_without_a_new_connection(
    board: Board, ear: Subscriber, mosquitto: Mosquitto
) -> None:
    def discovered(prefix: str) -> Callable[[list[Message]], bool]:
        topic = f"{prefix}/device/edgecls_board/config"
        return lambda found: [bool(m.payload) for m in found if m.topic == topic][-1:] == [True]

    url = f'url = "{mosquitto.url}"'
    with board.running() as daemon:
        ear.wait_for(discovered("homeassistant"))
        board.mqtt = f'{url}\ndiscovery_prefix = "home"\ncommands = ["snapshot"]'
        board.watches["porch"] = board.watch("snapshot = true")
        board.reload(daemon)
        ear.wait_for(discovered("home"))
        ear.wait_for(lambda found: not discovered("homeassistant")(found))
        ear.publish(f"{BASE}request/snapshot", '{"watch": "porch"}')
        ear.wait_for(lambda found: bool(of(found, "response/snapshot")))
        ear.publish(f"{BASE}request/ping", "{}")
        seen = ear.wait_for(lambda found: bool(of(found, "response/ping")))
        assert of(seen, "response/snapshot")[0]["status"] == "ok"
        assert of(seen, "response/ping")[0]["status"] == "error"
        assert texts(seen, "status") == ["online"]
        end_of(daemon)


def test_a_password_that_was_mended_is_taken_at_once(
    tmp_path: Path, make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    broker = make_mosquitto(users={"board": "right"}).start()
    board = Board(tmp_path, broker)
    board.mqtt += '\nusername = "board"\npassword_file = "password"'
    password = tmp_path / "password"
    password.write_text("right")
    password.chmod(0o600)
    ear = make_subscriber(broker.port, "#", login=("board", "right"))
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        password.write_text("right\n")  # the same password
        board.watches["gate"] = board.watch()
        board.reload(daemon)
        ear.wait_for(last("gate/state", is_dark))
        assert texts(ear.messages, "status") == ["online"]
        password.write_text("wrong")
        board.reload(daemon)
        seen = ear.wait_for(lambda found: texts(found, "status")[-1] == "offline", 30)
        online = texts(seen, "status").count("online")
        password.write_text("right")
        board.reload(daemon)
        ear.wait_for(lambda found: texts(found, "status").count("online") > online)
        err = end_of(daemon)
    assert "wrong" not in err.replace("wrong user name", "")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda b: b.watches.update(porch="model = "), "not valid TOML"),
        (lambda b: b.watches.update(porch=b.watch("lables = []")), "did you mean 'labels'?"),
        (lambda b: b.watches.update(porch=b.watch('labels = ["dork"]')), "dork"),
        (lambda b: b.watches.update(porch=b.watch(model="nowhere")), "'nowhere' is not installed"),
        (lambda b: b.cameras.update(porch='source = "dir:nowhere/"'), "[cameras.porch] source"),
    ],
    ids=["toml", "key", "label", "model", "source"],
)
def test_a_bad_file_changes_nothing_and_says_why(
    spoil: Callable[[Board], None], why: str, board: Board, ear: Subscriber
) -> None:
    good = dict(board.cameras), dict(board.watches)
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        before = of(ear.messages, "config")[-1]
        spoil(board)
        board.reload(daemon)
        seen = ear.wait_for(last("health", lambda h: h["reasons"] == ["config_refused"]))
        assert why in of(seen, "health")[-1]["details"]["config_refused"]
        assert str(board.file) in of(seen, "health")[-1]["details"]["config_refused"]
        assert of(seen, "config")[-1] == before
        assert [event["phase"] for event in of(seen, "porch/event")] == ["start"]
        board.cameras, board.watches = good
        board.reload(daemon)
        ear.wait_for(last("health", lambda h: h["ok"] and h["details"] == {}))
        err = end_of(daemon)
    assert "configuration not reloaded, the old one stays in force" in err
    assert err.count(why) == 1


def test_what_needs_a_restart_says_so_and_the_rest_takes_effect(
    board: Board, ear: Subscriber
) -> None:
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        board.device = 'id = "other"'
        board.mqtt += '\nbase_topic = "cameras"'
        board.watches["gate"] = board.watch()
        board.reload(daemon)
        ear.wait_for(last("gate/state", is_dark))
        err = end_of(daemon)
    assert "[device] takes effect with the next start" in err
    assert "[mqtt] base_topic takes effect with the next start" in err


def test_the_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Manager(tmp_path / "notify")) as manager:
        monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
        board = Board(tmp_path)
        with board.running() as daemon:
            manager.hear_until("READY=1")
            board.watches["porch"] = board.watch("lables = []")
            board.reload(daemon)
            manager.hear_until("RELOADING=1\nMONOTONIC_USEC=")
            refused = manager.hear_until("STATUS=configuration not reloaded: ")[-1]
            manager.hear_until("READY=1")
            board.watches["porch"] = board.watch()
            board.reload(daemon)
            manager.hear_until("RELOADING=1")
            manager.hear_until("STATUS=configuration reloaded")
            manager.hear_until("READY=1")
            daemon.stop()
    assert "unknown key 'lables'" in refused


def test_without_a_broker_it_reloads_as_well(tmp_path: Path) -> None:
    board = Board(tmp_path)
    with board.running() as daemon:
        assert daemon.process.stdout is not None
        assert json.loads(daemon.process.stdout.readline())["watch"] == "porch"
        board.watches["gate"] = board.watch()
        board.reload(daemon)
        assert json.loads(daemon.process.stdout.readline())["watch"] == "gate"
        end_of(daemon)


def test_a_storm_of_reloads_ends_with_the_last_file(board: Board, ear: Subscriber) -> None:
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        for number in range(60):
            score = 0.3 + number / 100
            board.watches = {"porch": board.watch(decision=f"min_score = {score:.2f}")}
            if number % 3:
                board.watches[f"gate{number % 5}"] = board.watch()
            board.write()
            os.kill(daemon.process.pid, signal.SIGHUP)
            if number % 10 == 0:
                ear.publish(f"{BASE}porch/set/enabled", "ON")
        ear.wait_for(last("config", lambda c: c["watches"]["porch"]["min_score"] == 0.89), 60)
        assert [event["phase"] for event in of(ear.messages, "porch/event")] == ["start"]
        end_of(daemon)


def test_a_terminal_that_goes_away_ends_who_only_looks(tmp_path: Path) -> None:
    with Running("demo", "--seconds", 60, home=tmp_path) as demo:
        assert demo.process.stdout is not None
        demo.process.stdout.readline()
        assert demo.stop(signal.SIGHUP)[0] == 0
