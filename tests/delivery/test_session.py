"""Against real brokers: which one, which MQTT, when again, and what is said of it."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from edgecls.delivery.session import MAX_PAUSE_S, pause_s
from edgecls.errors import ConfigError
from edgecls.health import Health
from edgecls.settings import MqttSettings
from tests.brokers import MakeMosquitto, MakeSubscriber, Mosquitto, OldBroker, wait_until
from tests.delivery.scenes import delivery, dog_comes, dog_goes, running
from tests.subscriber import WAIT_S, Message

STATUS = "edgecls/board/status"


def told(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [message for message in caplog.messages if words in message]


def has_events(count: int, found: list[Message]) -> bool:
    return len({m.json["seq"] for m in found}) == count


def password_file(folder: Path, password: str) -> str:
    file = folder / "password"
    file.write_text(password + "\n")
    file.chmod(0o600)
    return str(file)


def test_pauses_grow_to_half_a_minute_and_are_never_under_a_second() -> None:
    assert all(1 <= pause_s(0) <= 2 for _ in range(100))
    assert all(1 <= pause_s(20) <= MAX_PAUSE_S for _ in range(100))


def test_a_broker_that_is_down_at_start_is_told_once_and_used_when_it_comes(
    make_mosquitto: MakeMosquitto,
    make_subscriber: MakeSubscriber,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    broker = make_mosquitto()
    with running(delivery(MqttSettings(url=broker.url))) as one:
        one.publish(dog_comes())
        wait_until(lambda: bool(told(caplog, "not reachable")), "told that it is down")
        subscriber = make_subscriber(broker.start().port, "edgecls/#")
        subscriber.wait_for_payload("status", "online")
        assert one.close(5.0) == 0
    assert told(caplog, "not reachable") == [
        f"broker {broker.url} not reachable: Connection refused; trying again"
    ]
    assert len(told(caplog, "broker back after")) == 1


def test_no_event_is_lost_over_restarts_of_the_broker_and_their_order_is_kept(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    log = make_subscriber(mosquitto.port, "edgecls/board/+/event", persistent_as="log")
    with running(delivery(MqttSettings(url=mosquitto.url))) as one:
        for restart in range(3):
            for _ in range(50):
                one.publish(dog_comes())
                one.publish(dog_goes())
            mosquitto.stop()
            one.publish(dog_comes())
            one.publish(dog_goes())
            mosquitto.start()
            wanted = 102 * (restart + 1)
            log.wait_for(partial(has_events, wanted))
        assert one.close(10.0) == 0
    first_seen = list(dict.fromkeys(m.json["seq"] for m in log.messages))
    assert first_seen == list(range(1, 307))


def test_an_event_that_was_not_acknowledged_comes_again_older_and_counted(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    """The broker in between takes the first event and never answers."""
    deaf = OldBroker(mosquitto.port, swallow=b"/event")
    log = make_subscriber(mosquitto.port, "edgecls/board/+/event")
    settings = MqttSettings(url=deaf.url, protocol="3.1.1", discovery=False)
    with closing(deaf), running(delivery(settings)) as one:
        one.publish(dog_comes())
        wait_until(lambda: deaf.swallowed > 0, "the event is on its way")
        deaf.hang_up()
        again = log.wait_for(lambda found: len(found) == 1)[0].json
        assert one.close(5.0) == 0
    assert (again["seq"], again["attempt"]) == (1, 2)


def test_a_wrong_password_is_a_fault_told_once_and_the_right_one_mends_it(
    make_mosquitto: MakeMosquitto,
    make_subscriber: MakeSubscriber,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    broker = make_mosquitto(users={"board": "right"}).start()
    health = Health()
    wrong = MqttSettings(
        url=broker.url, username="board", password_file=password_file(tmp_path, "wrong")
    )
    with running(delivery(wrong, health=health)) as one:
        wait_until(lambda: health.report().reasons == ("mqtt_not_authorized",), "fault")
        one.publish(dog_comes())
        assert one.close(0.5) == 1
    assert len(told(caplog, "refuses the login")) == 1
    assert not told(caplog, "wrong")
    right = MqttSettings(
        url=broker.url, username="board", password_file=password_file(tmp_path, "right")
    )
    with running(delivery(right, health=health)):
        subscriber = make_subscriber(broker.port, STATUS, login=("board", "right"))
        subscriber.wait_for_payload("status", "online")
        wait_until(lambda: health.report().ok, "no fault any longer")


@pytest.mark.parametrize("protocol", ["auto", "3.1.1"])
def test_a_broker_that_refuses_mqtt_5_is_spoken_to_in_3_1_1(
    protocol: str,
    mosquitto: Mosquitto,
    make_subscriber: MakeSubscriber,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    subscriber = make_subscriber(mosquitto.port, "edgecls/#")
    with closing(OldBroker(mosquitto.port)) as old:
        with running(delivery(MqttSettings(url=old.url, protocol=protocol))) as one:
            one.publish(dog_comes())
            subscriber.wait_for(lambda found: any(m.topic.endswith("/event") for m in found))
            assert one.close(5.0) == 0
        subscriber.wait_for_payload("status", "offline")
    assert old.refused == ([5] if protocol == "auto" else [])
    assert told(caplog, "(MQTT 3.1.1)")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_who_asks_for_mqtt_5_only_is_told_that_the_broker_does_not_know_it(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        closing(OldBroker(mosquitto.port)) as old,
        running(delivery(MqttSettings(url=old.url, protocol="5"))),
    ):
        wait_until(lambda: bool(told(caplog, "does not speak this MQTT")), "told")


def test_the_second_url_serves_when_the_first_does_not(
    mosquitto: Mosquitto, make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, STATUS)
    with running(delivery(MqttSettings(url=[make_mosquitto().url, mosquitto.url]))):
        subscriber.wait_for_payload("status", "online")


def test_another_client_with_our_id_is_a_fault(mosquitto: Mosquitto) -> None:
    health = Health()
    settings = MqttSettings(url=mosquitto.url)
    with running(delivery(settings, health=health)), running(delivery(settings)):
        wait_until(lambda: "client_id_taken" in health.report().reasons, "fault")


def test_what_answers_but_is_no_broker_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(WAIT_S)
        port = server.getsockname()[1]
        with running(delivery(MqttSettings(url=f"mqtt://127.0.0.1:{port}"))):
            for _ in range(2):  # MQTT 5, then 3.1.1
                client, _ = server.accept()
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                client.close()
            wait_until(lambda: bool(told(caplog, "does not answer as one")), "told")


def test_a_websocket_reaches_the_broker(
    make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    port = make_mosquitto().port
    broker = make_mosquitto(protocol="websockets", lines=f"listener {port} 127.0.0.1").start()
    with running(delivery(MqttSettings(url=f"ws://127.0.0.1:{broker.port}"))) as one:
        subscriber = make_subscriber(port, "edgecls/#")
        subscriber.wait_for_payload("status", "online")
        one.publish(dog_comes())
        assert one.close(5.0) == 0


@pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")  # paho's, at a failed handshake
def test_tls_is_checked_unless_told_otherwise(
    make_mosquitto: MakeMosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    own = certificate(tmp_path)
    lines = f"certfile {own}\nkeyfile {own.with_suffix('.key')}"
    port = make_mosquitto(lines=lines).start().port
    url = f"mqtts://localhost:{port}"
    with running(delivery(MqttSettings(url=url))):
        wait_until(lambda: bool(told(caplog, "certificate verify failed")), "told")
    caplog.clear()
    with running(delivery(MqttSettings(url=url, ca_file=str(own)))):
        wait_until(lambda: bool(told(caplog, f"connected to broker {url}")), "connected")
    caplog.clear()
    health = Health()
    with running(delivery(MqttSettings(url=url, tls_insecure=True), health=health)):
        wait_until(lambda: bool(told(caplog, f"connected to broker {url}")), "connected")
    assert "tls_insecure" in health.report().warnings


def test_a_file_that_holds_no_certificate_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    settings = MqttSettings(url="mqtts://localhost", ca_file=str(tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        delivery(settings)


def test_a_password_needs_a_name(tmp_path: Path) -> None:
    settings = MqttSettings(url="mqtt://localhost", password_file=password_file(tmp_path, "x"))
    with pytest.raises(ConfigError, match="username"):
        delivery(settings)


def certificate(folder: Path) -> Path:
    """A certificate for localhost that signs itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is missing")
    file = folder / "own.pem"
    command = (
        f"{openssl} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        f" -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        f" -keyout {file.with_suffix('.key')} -out {file}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    return file
