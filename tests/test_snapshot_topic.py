"""What a watch has seen, as a broker's clients get it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from edgecls.domain import Pixels
from tests.brokers import MakeSubscriber, Mosquitto
from tests.media import grey
from tests.programs import Running
from tests.sources.server import http_camera
from tests.subscriber import Message, Subscriber

TOPIC = "edgecls/board/porch/snapshot"
WHITE = [grey(255, 320, 240)] * 10  # overexposed, from the first frame on


def write(folder: Path, camera: str, broker: Mosquitto, *, snapshot: bool) -> Path:
    file = folder / "edgecls.toml"
    file.write_text(f"""
        [device]
        id = "board"
        [cameras.porch]
        source = {json.dumps(camera)}
        [watches.porch]
        model = "camera_health_v1"
        resize = "stretch"
        labels = ["overexposed"]
        snapshot = {json.dumps(snapshot)}
        [mqtt]
        url = {json.dumps(broker.url)}
        commands = ["snapshot"]
        """)
    return file


def snapshots(messages: list[Message]) -> list[Message]:
    return [message for message in messages if message.topic == TOPIC]


def picture(message: Message) -> Pixels:
    with Image.open(io.BytesIO(message.payload), formats=["JPEG"]) as image:
        return np.asarray(image)


def ask(subscriber: Subscriber, transaction: str) -> dict[str, object]:
    """Ask for a snapshot; the answer."""
    asked = {"transaction": transaction, "watch": "porch"}
    subscriber.publish("edgecls/board/request/snapshot", json.dumps(asked))

    def answers(found: list[Message]) -> list[dict[str, object]]:
        responses = [m.json for m in found if m.topic == "edgecls/board/response/snapshot"]
        return [each for each in responses if each["transaction"] == transaction]

    return answers(subscriber.wait_for(lambda found: bool(answers(found))))[0]


def test_a_start_is_seen_also_by_those_who_come_later_until_it_is_switched_off(
    tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    with http_camera(WHITE) as camera:
        file = write(tmp_path, camera.url, mosquitto, snapshot=True)
        with Running("run", "-c", file, home=tmp_path) as daemon:
            seen = subscriber.wait_for(lambda found: bool(snapshots(found)))
            daemon.stop()
        (first,) = snapshots(seen)
        assert (first.qos, first.retain) == (0, True)
        assert picture(first).shape == (240, 320, 3)
        assert picture(first).min() > 250
        later = make_subscriber(mosquitto.port, TOPIC)
        assert later.wait_for(bool)[0].payload == first.payload

        write(tmp_path, camera.url, mosquitto, snapshot=False)
        with Running("run", "-c", file, home=tmp_path) as daemon:
            cleared = later.wait_for(lambda found: len(found) == 2)
            daemon.stop()
    assert (cleared[1].payload, cleared[1].retain) == (b"", True)


def test_asked_for_it_shows_the_next_frame(
    tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    with http_camera(WHITE) as camera:
        file = write(tmp_path, camera.url, mosquitto, snapshot=True)
        with Running("run", "-c", file, home=tmp_path):
            subscriber.wait_for(lambda found: bool(snapshots(found)))
            assert ask(subscriber, "a1")["status"] == "ok"
            seen = subscriber.wait_for(lambda found: len(snapshots(found)) == 2)
    assert picture(snapshots(seen)[1]).min() > 250


def test_a_watch_that_has_not_opted_in_shows_nothing_to_anybody(
    tmp_path: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    with http_camera(WHITE) as camera:
        file = write(tmp_path, camera.url, mosquitto, snapshot=False)
        with Running("run", "-c", file, home=tmp_path) as daemon:
            subscriber.wait_for(lambda found: any(m.topic.endswith("/event") for m in found))
            assert ask(subscriber, "a1")["status"] == "error"
            daemon.stop()
    seen = subscriber.wait_for_payload("status", "offline")
    assert not snapshots(seen)
