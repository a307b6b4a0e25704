"""What strangers may publish below our base topic: by accident, by mistake and on purpose."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests.brokers import wait_until
from tests.delivery.front import BASE
from tests.subscriber import LOOPBACK, WAIT_S


@dataclass(frozen=True)
class Shot:
    """One message; `topic` is below the base."""

    topic: str
    payload: bytes
    response_topic: str | None
    correlation: bytes | None


OPS = ("ping", "replay", "restart", "snapshot", "collect")
WATCHES = ("porch", "yard")
KEYS = ("enabled", "min_score", "model")
# Where answers may go in these tests is below `clients`.
RESPONSE_TOPICS = (
    "clients/a", "clients/b/c", "clients", "clients2", "clients/+", "clients/#", "clients/$a",
    "clients/\n", "clients/" + "a" * 300, "clients//", "/clients/a", "$SYS/a", "elsewhere",
    "edgecls/board/status", "edgecls/board/porch/set/enabled", "edgecls/board/request/ping",
    "edgecls/board", "homeassistant/device/edgecls_board/config", "homeassistant/status",
)  # fmt: skip


def _mostly(usual: st.SearchStrategy[Any], *odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    # Hypothesis would take one strategy that is named several times for one.
    return st.one_of(*(usual.map(lambda value: value) for _ in range(4)), *odd)


_level = st.text(st.characters(exclude_characters="+#\0", exclude_categories=["Cs"]), max_size=30)
_op = _mostly(st.sampled_from(OPS), st.from_regex(r"[a-z_]{1,22}", fullmatch=True), _level)
_watch = _mostly(st.sampled_from(WATCHES), _level)
_key = _mostly(st.sampled_from(KEYS), _level)

_text = st.text(st.characters(), max_size=110)  # with halves of characters, which JSON can say
_word = st.one_of(_text, st.sampled_from(["ON", "OFF", "small", "porch", "7f3c9a"]))
_number = st.one_of(
    st.integers(-2, 1002),
    st.integers(),
    st.floats(),
    st.integers(1, 1000).map(lambda digits: 10**digits),
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), _number, _word),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_word, inner, max_size=3)),
    max_leaves=6,
)
_parameters = st.fixed_dictionaries(
    {},
    optional={
        "transaction": _mostly(_text, _number, _json),
        "after_seq": _mostly(st.integers(0, 5), _number, _json),
        "limit": _mostly(st.integers(1, 1000), _number, _json),
        "epoch": _mostly(st.sampled_from(["7f3c9a", "000000"]), _word, _json),
        "watch": _mostly(st.sampled_from(WATCHES), _word, _json),
        "path": st.just("../../etc/passwd"),
    },
)


@st.composite
def _nearly_json(draw: st.DrawFn) -> bytes:
    """Valid JSON with a piece cut out, put in or said twice."""
    text = json.dumps(draw(_parameters), ensure_ascii=draw(st.booleans()))
    at = draw(st.integers(0, len(text)))
    to = draw(st.integers(at, min(len(text), at + 5)))
    piece = draw(
        st.one_of(st.just(text[at:to] * 2), st.text('{}[]":,\\0eE-+.NaInfty ', max_size=4))
    )
    return (text[:at] + piece + text[to:]).encode(errors="surrogatepass")


_long = st.builds(
    lambda piece, length: (piece * length)[:length],
    st.sampled_from(
        [b"[", b"{", b'{"a":', b'[{"":', b'"', b"\\", b'\\"', b"9", b"\xff", b" ", b"\0"]
    ),
    st.sampled_from([9, 200, 4095, 4096, 4097, 70_000]),
)
_scalar = st.one_of(
    st.sampled_from(["ON", "OFF", "on", "0.5", "1", "1.1", "-0", "nan", "small", "large", ""]),
    st.floats(-0.1, 1.1).map(str),
    st.sampled_from(["small.tflite", "/etc/passwd", "../small", "small\0", "0.5\n", "１", "1e-3"]),
)
_setting = _mostly(
    st.sampled_from([b"ON", b"OFF", b"0.5", b"small"]),
    _scalar.map(str.encode),
    st.binary(max_size=50),
    _long,
)
_request = _mostly(
    _parameters.map(lambda asked: json.dumps(asked).encode()),
    _nearly_json(),
    _json.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=50),
    _long,
)
_response_topic = st.one_of(
    st.none(), st.sampled_from(RESPONSE_TOPICS), _level.map(lambda end: f"clients/{end}")
)
_correlation = _mostly(st.none(), st.binary(max_size=20), st.just(b"7" * 300))
_topic_of_request = _op.map(lambda op: f"request/{op}")
_topic_of_setting = st.builds("{}/set/{}".format, _watch, _key)

shots = _mostly(
    st.builds(Shot, _topic_of_request, _request, _response_topic, _correlation),
    st.builds(Shot, _topic_of_setting, _setting, st.none(), st.none()),
    st.builds(
        Shot,
        st.one_of(_topic_of_request, _topic_of_setting),
        st.one_of(_request, _setting),
        _response_topic,
        _correlation,
    ),
)


def carried(shot: Shot) -> Shot:
    """The message without what MQTT forbids in topics: Mosquitto cuts off who says it."""
    topic = "".join(sign if sign.isprintable() else "x" for sign in shot.topic)
    wanted = shot.response_topic
    said = wanted is not None and wanted.isprintable() and not set(wanted) & set("+#")
    return replace(shot, topic=topic, response_topic=wanted if said else None)


def many_shots(number: int) -> list[Shot]:
    """So many that MQTT carries, drawn at once: for what does not start anew for each example."""
    at_once = 50
    drawn: list[Shot] = []

    @settings(
        max_examples=number // at_once,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(shots.map(carried), min_size=at_once, max_size=at_once))
    def draw(volley: list[Shot]) -> None:
        drawn.extend(volley)

    while len(drawn) < number:
        draw()
    return drawn[:number]


class Stranger:
    """A client of MQTT 5 that shoots below BASE, and hears all but itself."""

    def __init__(self, port: int) -> None:
        self.heard: dict[str, list[bytes]] = {}
        self.disconnects = 0
        self._subscribed, self._answered = threading.Event(), threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect(LOOPBACK, port)
        self._client.loop_start()
        self._client.subscribe("#", options=SubscribeOptions(1, noLocal=True))
        assert self._subscribed.wait(WAIT_S)

    def fire(self, shot: Shot) -> None:
        """Publish what MQTT lets one say, settings at QoS 1."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if shot.response_topic is not None:
            properties.ResponseTopic = shot.response_topic
        if shot.correlation is not None:
            properties.CorrelationData = shot.correlation
        qos = 1 if "/set/" in shot.topic else 0
        self._client.publish(f"{BASE}/{shot.topic}", shot.payload, qos, properties=properties)

    def wait_until_answered(self, timeout_s: float) -> None:
        """Ping until an answer says ok: everything before has been dealt with."""
        pings = count(1)

        def answered() -> bool:
            ping = json.dumps({"transaction": f"still there? {next(pings)}"}).encode()
            self.fire(Shot("request/ping", ping, None, None))
            self._answered.wait(0.5)
            return self._answered.is_set()

        self._answered.clear()
        wait_until(answered, "a ping is answered", timeout_s)

    def close(self) -> None:
        self._client.on_disconnect = None
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Client, _data: object, message: Any) -> None:
        payload = bytes(message.payload)
        self.heard.setdefault(message.topic, []).append(payload)
        if b'"ok"' in payload and b"still there?" in payload:
            self._answered.set()

    def _on_disconnect(self, *_: object) -> None:
        self.disconnects += 1
