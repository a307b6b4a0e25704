"""A process that is killed says nothing: the broker does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from edgecls.settings import MqttSettings
from tests.brokers import MakeSubscriber, Mosquitto
from tests.conftest import PROJECT
from tests.delivery.scenes import delivery, running

STATUS = "edgecls/board/status"


@contextmanager
def publisher(broker: Mosquitto, will_delay_s: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.delivery.publisher", broker.url, str(will_delay_s)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_the_will_of_a_killed_process_says_offline_after_its_delay(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, STATUS)
    with publisher(mosquitto, will_delay_s=2) as process:
        subscriber.wait_for_payload("status", "online")
        process.kill()
        killed_at = time.monotonic()
        found = subscriber.wait_for_payload("status", "offline")
    assert time.monotonic() - killed_at >= 1
    assert [(m.text, m.retain, m.qos) for m in found] == [("online", True, 1), ("offline", True, 1)]


def test_who_is_back_before_the_delay_was_never_offline(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, STATUS)
    with publisher(mosquitto, will_delay_s=10) as process:
        subscriber.wait_for_payload("status", "online")
        process.kill()
    with running(delivery(MqttSettings(url=mosquitto.url))) as one:
        found = subscriber.wait_for(lambda found: len(found) == 2)
        one.close(0.0, restarting=True)
    assert [m.text for m in found] == ["online", "online"]


def test_a_process_that_closed_and_is_gone_leaves_no_will(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, STATUS)
    with publisher(mosquitto, will_delay_s=0) as process:
        subscriber.wait_for_payload("status", "online")
        process.communicate(timeout=10)
    subscriber.publish(STATUS, "whatever comes next")
    found = subscriber.wait_for_payload("status", "whatever comes next")
    assert [m.text for m in found[:-1]] == ["online", "offline"]


def test_a_restart_leaves_the_status_to_the_will(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, STATUS)
    one = delivery(MqttSettings(url=mosquitto.url))
    with running(one):
        subscriber.wait_for_payload("status", "online")
        one.close(1.0, restarting=True)
    with running(delivery(MqttSettings(url=mosquitto.url))) as again:
        found = subscriber.wait_for(lambda found: len(found) == 2)
        assert again.close(1.0) == 0
    assert [m.text for m in found] == ["online", "online"]
