"""A broker that refuses the daemon, and later does not: it goes on, says so once, loses nothing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.brokers import MakeMosquitto, MakeSubscriber, wait_until
from tests.subscriber import Subscriber
from tests.torture.board import BRIGHT, DARK, Board
from tests.torture.certificates import Authority
from tests.torture.consumer import BASE, events, until_health, until_state
from tests.torture.tap import Tap

# A refused event is tried again after half a minute.
PATCHES = {"edgecls.delivery.delivery.REFUSED_PAUSE_S": 0.3}
MAX_PAUSE = {"edgecls.delivery.session.MAX_PAUSE_S": 1.0}


def see_dark_and_bright(porch: Board, times: int) -> None:
    """From the beginning: a start, then an end and a start at each change, each committed."""
    for number in range(times):
        porch.shows(BRIGHT if number % 2 else DARK)
        porch.until_committed(1 + 2 * number)


def assert_all_come(subscriber: Subscriber, count: int) -> None:
    """Every event in order, from the first on."""
    found = events(subscriber.wait_for(lambda found: len(events(found)) >= count))
    assert [each["seq"] for each in found] == list(range(1, count + 1))
    assert len({each["epoch"] for each in found}) == 1
    phases = [(each["phase"], each["label"]) for each in found]
    assert phases[:3] == [("start", "dark"), ("end", "dark"), ("start", "overexposed")]
    starts = {each["id"] for each in found if each["phase"] == "start"}
    assert all(each["start_id"] in starts for each in found if each["phase"] == "end")


FORBIDDING = "\n".join(
    f"topic {rule}"
    for rule in (
        f"readwrite {BASE}/+",
        f"readwrite {BASE}/porch/state",
        f"readwrite {BASE}/porch/label/+",
        "readwrite homeassistant/#",
        f"read {BASE}/#",
    )
)
ALLOWING = "topic readwrite #"


@pytest.mark.torture
def test_an_event_that_is_forbidden_waits_until_it_is_allowed(
    porch: Board, make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    """Under MQTT 3.1.1 a broker has no way to say so, and seems to take it."""
    broker = make_mosquitto(acl=FORBIDDING).start()
    porch.mqtt |= {"url": broker.url}
    subscriber = make_subscriber(broker.port, f"{BASE}/#")
    with porch.life(patches=PATCHES) as one:
        until_health(subscriber, "mqtt_not_authorized")
        see_dark_and_bright(porch, 4)
        until_state(subscriber, "overexposed")
        assert not events(subscriber.messages)
        broker.configure(acl=ALLOWING)
        broker.reload()
        assert_all_come(subscriber, 7)
        until_health(subscriber)
        assert one.log.count("broker refuses messages") == 1, one.log
        assert one.alive


def test_events_keep_their_order_while_they_are_forbidden_and_allowed_in_turn(
    porch: Board, make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    """The broker changes its mind at any moment, also between two that are sent at once."""
    broker = make_mosquitto(acl=FORBIDDING).start()
    porch.mqtt |= {"url": broker.url}
    porch.shows(DARK, BRIGHT)
    subscriber = make_subscriber(broker.port, f"{BASE}/#")
    with porch.life(patches={"edgecls.delivery.delivery.REFUSED_PAUSE_S": 0.05}):
        for acl in [ALLOWING, FORBIDDING] * 6:
            until_health(subscriber, *(["mqtt_not_authorized"] if acl is ALLOWING else []))
            broker.configure(acl=acl)
            broker.reload()
        broker.configure(acl=ALLOWING)
        broker.reload()
        porch.shows(DARK)
        until_health(subscriber)
    numbers = [each["seq"] for each in events(subscriber.messages)]
    assert numbers == list(range(1, len(numbers) + 1))


def tls(certificate: Path, *more: str) -> str:
    return "\n".join(
        [f"certfile {certificate}", f"keyfile {certificate.with_suffix('.key')}", *more]
    )


WRONG = {
    "wrong CA": "unable to get local issuer certificate",
    "expired": "certificate has expired",
    "wrong host": "certificate is not valid for 'localhost'",
    "no client certificate": "trying again",
}


def wrong_certificate(case: str, ours: Authority, folder: Path) -> str:
    """The lines of a listener that the daemon will not, or cannot, talk to."""
    match case:
        case "wrong CA":
            return tls(Authority(folder, "stranger").signs("wrong"))
        case "expired":
            return tls(ours.signs("wrong", days=-1))
        case "wrong host":
            return tls(ours.signs("wrong", host="elsewhere.example"))
    return tls(ours.signs("wrong"), f"cafile {ours.certificate}", "require_certificate true")


@pytest.mark.torture
@pytest.mark.parametrize("case", WRONG)
def test_a_broker_without_the_right_certificate_gets_everything_once_it_has_one(
    case: str, porch: Board, make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    ours, plain = Authority(porch.home), make_mosquitto()
    for_subscriber = f"listener {plain.port} 127.0.0.1"  # in the place of `plain`
    broker = make_mosquitto(lines=f"{wrong_certificate(case, ours, porch.home)}\n{for_subscriber}")
    broker.start()
    with closing(Tap(broker.port, encrypted=True)) as tap:
        url = f"mqtts://localhost:{tap.port}"
        porch.mqtt |= {"url": url, "ca_file": str(ours.certificate)}
        with porch.life(patches=MAX_PAUSE) as one:
            one.says(WRONG[case])
            subscriber = make_subscriber(plain.port, f"{BASE}/#", persistent_as="log")
            see_dark_and_bright(porch, 4)
            tried = tap.accepted
            wait_until(lambda: tap.accepted >= tried + 4, "more tries")
            complaints = [line for line in one.log.splitlines() if "trying again" in line]
            assert len(complaints) == 1, one.log
            assert url in complaints[0]
            assert "Traceback" not in one.log
            broker.stop()
            broker.configure(lines=f"{tls(ours.signs('right'))}\n{for_subscriber}")
            broker.start()
            assert_all_come(subscriber, 7)
            one.says("broker back after")


@pytest.mark.torture
def test_a_client_certificate_is_shown_where_one_is_wanted(
    porch: Board, make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber, tmp_path: Path
) -> None:
    ours = Authority(tmp_path)
    client, plain = ours.signs("board"), make_mosquitto()
    wanted = tls(ours.signs("right"), f"cafile {ours.certificate}", "require_certificate true")
    broker = make_mosquitto(lines=f"{wanted}\nlistener {plain.port} 127.0.0.1").start()
    porch.mqtt |= {
        "url": f"mqtts://localhost:{broker.port}",
        "ca_file": str(ours.certificate),
        "cert_file": str(client),
        "key_file": str(client.with_suffix(".key")),
    }
    subscriber = make_subscriber(plain.port, f"{BASE}/#")
    with porch.life():
        until_state(subscriber, "dark")
        until_health(subscriber)


@pytest.mark.torture
@pytest.mark.parametrize("mended", ["at the broker", "in the file"])
def test_a_wrong_password_costs_no_event(
    mended: str, porch: Board, make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    broker = make_mosquitto(users={"board": "right", "log": "log"}).start()
    password = porch.home / "password"
    password.write_text("wrong\n")
    password.chmod(0o600)
    porch.mqtt |= {"url": broker.url, "username": "board", "password_file": str(password)}
    with porch.life(patches=MAX_PAUSE) as one:
        one.says("refuses the login")
        see_dark_and_bright(porch, 4)
        assert one.log.count("refuses the login") == 1
        assert one.alive
        subscriber = make_subscriber(broker.port, f"{BASE}/#", login=("log", "log"))
        if mended == "at the broker":
            broker.configure(users={"board": "wrong", "log": "log"})
            broker.reload()
            assert_all_come(subscriber, 7)
            until_health(subscriber)
    if mended == "in the file":
        password.write_text("right\n")
        with porch.life():
            assert_all_come(subscriber, 7)
            until_health(subscriber)
