"""What the doctor finds at real brokers: each thing that can be wrong there, wrong."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from edgecls.doctor.broker import broker
from edgecls.doctor.findings import Patient
from tests.brokers import MakeMosquitto, MakeSubscriber, Mosquitto, OldBroker, free_port
from tests.conftest import PROJECT
from tests.doctor.patients import FAIL, PASS, SCENE, SKIP, failures, only, patient, results
from tests.programs import Running

BASE = "edgecls/porch-pi"
DISCOVERY = "homeassistant/device/edgecls_porch-pi/config"
READS = {f"{BASE}/{topic}" for topic in ("status", "info", "+/set/+", "request/+")} | {
    "homeassistant/status"
}


def at(url: str, folder: Path, more: str = "") -> Patient:
    return patient(folder, f'{SCENE}\n[mqtt]\nurl = "{url}"\n{more}')


def login(folder: Path, password: str = "right") -> str:
    file = folder / "password"
    file.touch(mode=0o600)
    file.write_text(password)
    return 'username = "porch-pi"\npassword_file = "password"\n'


def recipe() -> str:
    """The ACL that docs/recipes gives a board."""
    return (PROJECT / "docs/recipes/mosquitto.acl").read_text()


def test_a_broker_that_lets_everybody_in_passes_all(mosquitto: Mosquitto, tmp_path: Path) -> None:
    url = mosquitto.url
    found = results(broker(at(url, tmp_path)))
    assert found[f"broker_dns {url}"] is SKIP
    assert found[f"broker_tcp {url}"] is PASS
    assert found[f"broker_login {url}"] is PASS
    assert {key.partition(" ")[2] for key in found if key.startswith("broker_read")} == READS
    written = {key.partition(" ")[2] for key in found if key.startswith("broker_write")}
    assert written >= {f"{BASE}/status", f"{BASE}/info", f"{BASE}/doctor/event", DISCOVERY}
    assert FAIL not in found.values()


def test_the_acl_of_the_recipes_is_enough(make_mosquitto: MakeMosquitto, tmp_path: Path) -> None:
    server = make_mosquitto(users={"porch-pi": "right"}, acl=recipe()).start()
    found = results(broker(at(server.url, tmp_path, login(tmp_path))))
    assert FAIL not in found.values()
    assert found[f"broker_write {DISCOVERY}"] is PASS


@pytest.mark.parametrize(
    ("right", "check", "subject"),
    [
        (f"write {BASE}/#", "broker_write", f"{BASE}/doctor/event"),
        (f"write {BASE}/#", "broker_write", f"{BASE}/status"),
        (f"write {DISCOVERY}", "broker_write", DISCOVERY),
        (f"read {BASE}/status", "broker_read", f"{BASE}/status"),
        (f"read {BASE}/+/set/+", "broker_read", f"{BASE}/+/set/+"),
        (f"read {BASE}/request/+", "broker_read", f"{BASE}/request/+"),
    ],
)  # fmt: skip
def test_a_line_that_the_acl_lacks_is_named(
    right: str, check: str, subject: str, make_mosquitto: MakeMosquitto, tmp_path: Path
) -> None:
    assert f"topic {right}\n" in recipe()
    acl = recipe().replace(f"topic {right}\n", "")
    server = make_mosquitto(users={"porch-pi": "right"}, acl=acl).start()
    findings = [*broker(at(server.url, tmp_path, login(tmp_path)))]
    failed = {(each.check, each.subject): each for each in findings if each.result is FAIL}
    assert failed[check, subject].remedy == f"let porch-pi {right} in the broker's ACL"
    # What else is allowed is found allowed.
    assert {key[0] for key in failed} == {check}


def test_what_is_tried_is_no_news(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber, tmp_path: Path
) -> None:
    subscriber = make_subscriber(mosquitto.port, "#")
    subscriber.publish(f"{BASE}/status", "online", retain=True)
    subscriber.publish(f"{BASE}/info", '{"epoch":"7f3c9a"}', retain=True)
    subscriber.publish(DISCOVERY, '{"dev":{}}', retain=True)
    before = len(subscriber.wait_for(lambda found: len(found) == 3))
    found = results(broker(at(mosquitto.url, tmp_path)))
    assert FAIL not in found.values()
    told = subscriber.wait_for(lambda found: any(m.topic == DISCOVERY for m in found[before:]))
    said = {m.topic: m.text for m in told[before:]}
    assert said[f"{BASE}/status"] == "online"
    assert said[f"{BASE}/info"] == '{"epoch":"7f3c9a"}'
    assert said[DISCOVERY] == '{"dev":{}}'
    assert not any(message.retain for message in told[before:])
    # Nothing was said of the watch that is there, nor as a state of health.
    assert not [
        topic for topic in said if re.match(f"{BASE}/(porch|health$|config$|stats$)", topic)
    ]


def test_a_daemon_that_runs_is_not_disturbed(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber, tmp_path: Path
) -> None:
    board = at(mosquitto.url, tmp_path, "[stats]\ninterval_s = 1\n")
    topics = ("status", "health", "stats", "response/#")
    subscriber = make_subscriber(mosquitto.port, *(f"{BASE}/{topic}" for topic in topics))
    with Running("run", "-c", board.file, home=tmp_path) as daemon:
        subscriber.wait_for_payload("status", "online")
        assert FAIL not in results(broker(board)).values()
        seen = len(subscriber.messages)
        stats = subscriber.wait_for(
            lambda found: len([m for m in found[seen:] if m.topic.endswith("stats")]) > 1
        )
        _, _, log = daemon.stop()
    assert "WARNING" not in log
    assert {m.text for m in stats if m.topic.endswith("status")} == {"online"}
    assert [m for m in stats if m.topic.endswith("health") and not m.json["ok"]] == []
    assert {m.topic for m in stats if "/response/" in m.topic} <= {f"{BASE}/response/doctor"}
    assert stats[-1].json["mqtt"] == {"connects": 1, "publish_failures": 0}


def test_home_assistant_is_seen_by_its_subscription(
    mosquitto: Mosquitto, make_subscriber: MakeSubscriber, tmp_path: Path
) -> None:
    board = at(mosquitto.url, tmp_path)
    assert only(broker(board), "home_assistant").result is SKIP
    make_subscriber(mosquitto.port, "homeassistant/+/+/config")
    assert only(broker(board), "home_assistant").result is PASS


def test_a_wrong_password(make_mosquitto: MakeMosquitto, tmp_path: Path) -> None:
    server = make_mosquitto(users={"porch-pi": "right"}).start()
    failed = failures(broker(at(server.url, tmp_path, login(tmp_path, "wrong"))))
    assert "password_file" in (failed["broker_login"].remedy or "")
    assert set(failed) == {"broker_login"}


def test_nobody_listens(tmp_path: Path) -> None:
    failed = failures(broker(at(f"mqtt://127.0.0.1:{free_port()}", tmp_path)))
    assert failed["broker_tcp"].found == "Connection refused"
    assert set(failed) == {"broker_tcp"}


@pytest.mark.parametrize(
    ("host", "remedy"), [("no-such-broker.local", "libnss-mdns"), ("no.invalid", "name server")]
)
def test_a_name_that_nobody_knows(host: str, remedy: str, tmp_path: Path) -> None:
    failed = failures(broker(at(f"mqtt://{host}", tmp_path)))
    assert remedy in (failed["broker_dns"].remedy or "")


def test_a_port_where_something_else_listens(tmp_path: Path) -> None:
    with subprocess.Popen(
        ["python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as web:  # fmt: skip
        assert web.stdout is not None
        port = re.search(r"port (\d+)", web.stdout.readline())
        assert port is not None
        failed = failures(broker(at(f"mqtt://127.0.0.1:{port[1]}", tmp_path)))
        web.kill()
    assert set(failed) == {"broker_login"}


def test_a_password_file_that_is_not_there(tmp_path: Path) -> None:
    more = 'username = "porch-pi"\npassword_file = "nowhere"\n'
    failed = failures(broker(at("mqtt://127.0.0.1", tmp_path, more)))
    assert "nowhere" in failed["broker"].found


def test_every_broker_of_a_list_is_looked_at(mosquitto: Mosquitto, tmp_path: Path) -> None:
    nobody = f"mqtt://127.0.0.1:{free_port()}"
    text = f'{SCENE}\n[mqtt]\nurl = ["{nobody}", "{mosquitto.url}", "embedded:"]\n'
    found = results(broker(patient(tmp_path, text)))
    assert found[f"broker_tcp {nobody}"] is FAIL
    assert found[f"broker_login {mosquitto.url}"] is PASS
    assert found["broker embedded:1883"] is SKIP


def test_mqtt_3_does_not_tell_what_may_be_written(mosquitto: Mosquitto, tmp_path: Path) -> None:
    old = OldBroker(mosquitto.port)
    try:
        found = [*broker(at(old.url, tmp_path))]
    finally:
        old.close()
    assert "MQTT 3.1.1" in only(iter(found), "broker_login").found
    write = only(iter(found), "broker_write")
    assert write.result is SKIP
    assert "MQTT 3.1.1 does not say" in write.found
    assert results(iter(found))[f"broker_read {BASE}/status"] is PASS
    assert FAIL not in results(iter(found)).values()


def test_without_a_broker_nothing_is_tried(tmp_path: Path) -> None:
    assert results(broker(patient(tmp_path))) == {"broker": SKIP}
    assert results(broker(patient(tmp_path, "no toml"))) == {"broker": SKIP}
