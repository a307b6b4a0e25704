"""The recipes that need more than a shell: an ACL for Mosquitto, and a flow for Node-RED."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import MakeMosquitto, MakeSubscriber, Mosquitto, free_port, wait_until
from tests.conftest import PROJECT
from tests.docs.pages import DOCS
from tests.programs import Running
from tests.subscriber import LOOPBACK, Message, Subscriber

RECIPES = DOCS / "recipes"
ACL = (RECIPES / "mosquitto.acl").read_text()
USERS = {name: f"{name}-password" for name in ("porch-pi", "reader", "home")}
NODE_RED = "4.1.15"
INSTALL_S = 300


def login(name: str) -> tuple[str, str]:
    return name, USERS[name]


def board(folder: Path, broker: Mosquitto, *, more: str = "") -> Path:
    """A board that logs in, with a model to change to."""
    (folder / "mqtt-password").touch(mode=0o600)
    (folder / "mqtt-password").write_text(USERS["porch-pi"])
    file = folder / "edgecls.toml"
    file.write_text(
        f"""
        [device]
        id = "porch-pi"
        [cameras.porch]
        source = "demo:"
        [watches.porch]
        model = "camera_health_v1"
        labels = ["clear", "dark"]
        snapshot = true
        [mqtt]
        url = "{broker.url}"
        username = "porch-pi"
        password_file = "mqtt-password"
        {more}
        """
    )
    return file


def of(messages: list[Message], topic: str) -> list[Message]:
    return [message for message in messages if message.topic == f"edgecls/porch-pi/{topic}"]


def reasons(messages: list[Message]) -> list[list[str]]:
    return [message.json["reasons"] for message in of(messages, "health")]


def test_the_acl_allows_a_board_all_that_it_needs(
    tmp_path: Path, make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    broker = make_mosquitto(users=USERS, acl=ACL).start()
    reader = make_subscriber(broker.port, "edgecls/#", login=login("reader"))
    home = make_subscriber(broker.port, "edgecls/#", "homeassistant/#", login=login("home"))
    with Running("run", "-c", board(tmp_path, broker), home=tmp_path) as daemon:
        reader.wait_for(lambda found: bool(of(found, "porch/event")) and bool(of(found, "status")))
        topics = {message.topic for message in home.messages}
        assert "homeassistant/device/edgecls_porch-pi/config" in topics
        home.publish("edgecls/porch-pi/porch/set/min_score", "0.7")
        home.wait_for(lambda found: '"min_score":0.7' in of(found, "config")[-1].text)
        home.publish("edgecls/porch-pi/request/ping", '{"transaction":"a1"}')
        found = reader.wait_for(lambda found: bool(of(found, "response/ping")))
        assert of(found, "response/ping")[0].json["transaction"] == "a1"
        seen = home.wait_for(lambda found: bool(of(found, "porch/snapshot")))
        status, _, err = daemon.stop()
    assert status == 0
    assert "refuse" not in err
    assert not any(reasons(seen))
    home.wait_for_payload("status", "offline")


def test_the_acl_lets_a_reader_read_only(
    tmp_path: Path, make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    broker = make_mosquitto(users=USERS, acl=ACL).start()
    reader = make_subscriber(broker.port, "edgecls/#", login=login("reader"))
    home = make_subscriber(broker.port, "edgecls/#", login=login("home"))
    with Running("run", "-c", board(tmp_path, broker), home=tmp_path):
        home.wait_for(lambda found: bool(of(found, "porch/event")))
        reader.publish("edgecls/porch-pi/porch/set/enabled", "OFF")
        reader.publish("edgecls/porch-pi/request/ping", '{"transaction":"reader"}')
        reader.publish("edgecls/porch-pi/status", "offline", retain=True)
        home.publish("edgecls/porch-pi/request/ping", '{"transaction":"home"}')
        seen = home.wait_for(lambda found: bool(of(found, "response/ping")))
    assert [m.json["transaction"] for m in of(seen, "response/ping")] == ["home"]
    assert '"enabled":false' not in "".join(m.text for m in of(seen, "config"))
    assert [m.text for m in of(seen, "status")] == ["online"]


def test_a_line_that_is_missing_in_the_acl_is_a_reason(
    tmp_path: Path, make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    mine = "topic write edgecls/porch-pi/#"
    assert mine in ACL
    others = ("status", "info", "config", "health", "porch/state")
    lines = [mine.replace("#", topic) for topic in others]
    broker = make_mosquitto(users=USERS, acl=ACL.replace(mine, "\n".join(lines))).start()
    reader = make_subscriber(broker.port, "edgecls/#", login=login("reader"))
    with Running("run", "-c", board(tmp_path, broker), home=tmp_path) as daemon:
        reader.wait_for(lambda found: ["mqtt_not_authorized"] in reasons(found))
        _, _, err = daemon.stop()
    assert "edgecls/porch-pi/porch/label/clear: Not authorized" in err


# Node-RED


@pytest.fixture(scope="session")
def node_red() -> Path:
    """The program, from npm, kept between runs."""
    folder = PROJECT / ".cache" / f"node-red-{NODE_RED}"
    program = folder / "node_modules" / "node-red" / "red.js"
    if not (folder / "ready").exists():
        _install(folder)
    return program


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node-RED cannot be tried: there is no npm")
    folder.mkdir(parents=True, exist_ok=True)
    flags = ("--no-audit", "--no-fund", "--ignore-scripts")
    try:
        subprocess.run(
            [npm, "install", *flags, f"node-red@{NODE_RED}"],
            cwd=folder,
            capture_output=True,
            timeout=INSTALL_S,
            check=True,
        )
    except subprocess.SubprocessError as error:
        pytest.skip(f"Node-RED cannot be installed: {error}")
    (folder / "ready").touch()


@contextmanager
def flowing(program: Path, folder: Path, broker: Mosquitto) -> Iterator[None]:
    """Node-RED with our flow, connected."""
    flow = (RECIPES / "node-red-flow.json").read_text()
    flow = flow.replace('"broker.local"', f'"{LOOPBACK}"').replace('"1883"', f'"{broker.port}"')
    (folder / "flow.json").write_text(flow)
    output = folder / "output"
    command = ["node", str(program), "--userDir", str(folder), "--port", str(free_port())]
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [*command, str(folder / "flow.json")],
            env=os.environ | {"HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: "Connected to broker" in output.read_text(), "Node-RED connects", 60)
        yield
    finally:
        process.terminate()
        process.wait(30)


def event(seq: int, **changes: Any) -> str:
    """An event of this moment."""
    facts = {
        "schema": 1, "id": f"7f3c9a-{seq}", "epoch": "7f3c9a", "seq": seq, "phase": "start",
        "watch": "porch", "label": f"label{seq}", "slug": f"label{seq}", "score": 0.9, "top": [],
        "ts": _iso(datetime.now(UTC)), "ts_sync": True, "age_s": 0.1, "attempt": 1, "model": "m",
    }  # fmt: skip
    return json.dumps(facts | changes)


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_the_node_red_flow_acts_once_and_never_late(
    node_red: Path, tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, "home/announce")
    hour_ago = _iso(datetime.now(UTC) - timedelta(hours=1))
    # Retained, so that it arrives with the subscription: from then on nothing is missed.
    first = event(1, label="heard", ts_sync=False)
    subscriber.publish("edgecls/hall-pi/porch/event", first, retain=True)
    with flowing(node_red, tmp_path, mosquitto):
        subscriber.wait_for(lambda found: any("heard" in m.text for m in found))
        publish = sender(subscriber)
        publish("porch-pi", event(1))
        publish("porch-pi", event(1, attempt=2))  # a copy
        publish("porch-pi", event(2, age_s=31))  # late
        publish("porch-pi", event(3, ts=hour_ago))  # it waited in the broker
        publish("porch-pi", event(4, ts=hour_ago, ts_sync=False))  # a clock that is off
        publish("porch-pi", event(5, phase="end"))
        publish("porch-pi", event(4, label="older"))
        publish("porch-pi", event(1, epoch="0a0a0a", label="again"))  # the numbering began anew
        publish("yard-pi", event(1, label="yard"))  # another board has its own
        publish("porch-pi", event(2, epoch="0a0a0a", label="last"))
        seen = subscriber.wait_for(lambda found: any("last" in m.text for m in found))
    words = [message.text.removesuffix(" at porch") for message in seen]
    assert words == ["heard", "label1", "label4", "again", "yard", "last"]


def sender(subscriber: Subscriber) -> Any:
    return lambda device, text: subscriber.publish(f"edgecls/{device}/porch/event", text)
