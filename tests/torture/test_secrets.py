"""A password is in its file, and nowhere else."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.brokers import MakeMosquitto, MakeSubscriber
from tests.media import grey
from tests.programs import edgecls
from tests.sources.server import http_camera
from tests.torture.board import BRIGHT, Board, Life
from tests.torture.consumer import BASE, events, until_state

BROKERS, CAMERAS = "Zebra?7/Kolibri#brok", "Tapir@9:Okapi#kam"
LOGIN = base64.b64encode(f"hall:{CAMERAS}".encode()).decode()


def spellings(password: str) -> list[bytes]:
    """As a program might write it by accident."""
    encoded = base64.b64encode(password.encode()).decode()
    plain = [password, repr(password)[1:-1], quote(password, safe=""), quote(password), encoded]
    return [each.encode() for each in plain]


FORBIDDEN = [*spellings(BROKERS), *spellings(CAMERAS), LOGIN.encode()]


def assert_clean(told: bytes | str, where: object) -> None:
    data = told.encode() if isinstance(told, str) else told
    for each in FORBIDDEN:
        at = data.find(each)
        assert at < 0, f"{where}: {data[max(0, at - 80) : at + 80]!r}"


def secret(folder: Path, name: str, password: str) -> str:
    file = folder / name
    file.write_text(password + "\n")
    file.chmod(0o600)
    return str(file)


@pytest.fixture
def porch(tmp_path: Path, make_mosquitto: MakeMosquitto) -> Iterator[Board]:
    """A board whose broker and camera both want a password."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    broker = make_mosquitto(users={"board": BROKERS, "log": "log"}).start()
    with http_camera([grey(0, 320, 240)], login=LOGIN) as camera:
        one = Board(tmp_path, camera, broker.url)
        one.camera_more = {
            "username": "hall",
            "password_file": secret(secrets, "camera", CAMERAS),
        }
        one.mqtt |= {"username": "board", "password_file": secret(secrets, "broker", BROKERS)}
        yield one


def processes_of(life: Life) -> list[Path]:
    """The daemon and its children, as /proc shows them."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[folder] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended
    mine = {life.process.pid}
    for _ in range(3):
        mine |= {int(folder.name) for folder, parent in parents.items() if parent in mine}
    return [Path(f"/proc/{pid}") for pid in mine]


@pytest.mark.parametrize("debug", [False, True])
def test_a_running_daemon_shows_its_passwords_to_nobody(
    debug: bool, porch: Board, make_subscriber: MakeSubscriber, tmp_path: Path
) -> None:
    port = int(porch.mqtt["url"].rpartition(":")[2])
    subscriber = make_subscriber(port, "#", login=("log", "log"))
    with porch.life(*(["--debug"] if debug else [])) as one:
        until_state(subscriber, "dark")
        for process in processes_of(one):
            for part in ("cmdline", "environ", "comm"):
                assert_clean((process / part).read_bytes(), f"{process}/{part}")
        subscriber.publish(f"{BASE}/request/ping", '{"transaction":1}')
        subscriber.publish(f"{BASE}/request/replay", "{}")
        subscriber.publish(f"{BASE}/porch/set/min_score", "0.7")
        subscriber.publish(f"{BASE}/porch/set/model", "second")
        porch.shows(BRIGHT)
        until_state(subscriber, "overexposed")
        assert one.stop() == 0
    subscriber.wait_for_payload("status", "offline")
    assert len(events(subscriber.messages)) >= 3
    for message in subscriber.messages:
        assert_clean(message.topic, message)
        assert_clean(message.payload, message)
    assert_clean(one.log, "log")
    assert "connected to broker" in one.log
    written = [each for each in (tmp_path / "state").rglob("*") if each.is_file()]
    assert porch.database in written
    for file in written:
        assert_clean(file.read_bytes(), file)


@pytest.mark.torture
@pytest.mark.parametrize("debug", [False, True])
def test_no_failure_tells_the_passwords(
    debug: bool, porch: Board, make_subscriber: MakeSubscriber
) -> None:
    """Refused by the broker, refused by the camera, a crash, a core of Python's own words."""
    more = ["--debug"] if debug else []
    porch.mqtt["username"] = "nobody"
    with porch.life(*more) as refused:
        refused.says("refuses the login")
        assert refused.stop() == 0
    porch.camera_more["username"] = "nobody"
    with porch.life(*more) as blind:
        assert blind.end() == 75 or debug, blind.log
    porch.models["first"] = "no_such_model"
    with porch.life(*more) as wrong:
        assert wrong.end() in (78, 1), wrong.log
    assert ("Traceback" in wrong.log) == debug
    for life in (refused, blind, wrong):
        assert_clean(life.log, "log")
    with porch.life(*more, PYTHONFAULTHANDLER="1") as crashed:
        crashed.process.send_signal(11)
        crashed.end()
    assert_clean(crashed.log, "crash")


@pytest.mark.torture
@pytest.mark.parametrize("more", [[], ["--debug"]])
def test_check_config_shows_no_password(more: list[str], porch: Board) -> None:
    shown = edgecls("check-config", *more, "--show", "-c", porch.config, home=porch.home)
    assert shown.returncode == 0, shown.stderr
    assert_clean(shown.stdout + shown.stderr, "check-config")
    assert "password_file" in shown.stdout


QUOTED = quote(BROKERS, safe="")


@pytest.mark.torture
@pytest.mark.parametrize(
    ("command", "url"),
    [
        ("run", f"mqtt://board:{QUOTED}@127.0.0.1"),
        ("run", f"mqtts://board:{BROKERS}@127.0.0.1"),
        ("run", f"mqtt://:{QUOTED}@127.0.0.1"),
        ("run --debug", f"wss://board:{QUOTED}@127.0.0.1/mqtt"),
        ("check-config --show", f"mqtt://{QUOTED}@127.0.0.1"),
        ("check-config --show --debug", f"mqtt://board:{QUOTED}@127.0.0.1"),
    ],
)
def test_a_password_in_the_url_of_a_broker_is_refused_without_repeating_it(
    command: str, url: str, porch: Board
) -> None:
    porch.mqtt = {"url": ["mqtt://127.0.0.1", url]}
    done = edgecls(*command.split(), "-c", porch.config, home=porch.home)
    assert_clean(done.stdout + done.stderr, url)
    assert done.returncode == 78 or "--debug" in command, done.stderr
    assert "ConfigError" in done.stderr or "password_file" in done.stderr, done.stderr
