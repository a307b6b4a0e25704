from __future__ import annotations

import pytest

from edgecls.delivery.url import BrokerUrl, parse_url
from edgecls.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("mqtt://broker.local", BrokerUrl("mqtt", "broker.local", 1883)),
        ("mqtts://broker.local/", BrokerUrl("mqtts", "broker.local", 8883)),
        ("mqtt://[::1]:1884", BrokerUrl("mqtt", "::1", 1884)),
        ("ws://broker.local:9001", BrokerUrl("ws", "broker.local", 9001, "/mqtt")),
        ("wss://broker.local/ws", BrokerUrl("wss", "broker.local", 443, "/ws")),
        ("embedded:", BrokerUrl("embedded", "127.0.0.1", 1883)),
        ("embedded:40001", BrokerUrl("embedded", "127.0.0.1", 40001)),
    ],
)
def test_an_url_says_scheme_host_port_and_path(text: str, url: BrokerUrl) -> None:
    assert parse_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "broker.local",
        "http://broker.local",
        "mqtt://",
        "mqtt://broker:0",
        "mqtt://broker:70000",
        "mqtt://broker:mqtt",
        "mqtt://broker/topic",
        "ws://broker/mqtt?token=1",
        "embedded:here",
    ],
)
def test_what_is_no_broker_is_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError, match="url"):
        parse_url(text)


def test_a_login_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_url("mqtt://me:hunter2@broker.local")
    assert "hunter2" not in str(caught.value)
    assert "password_file" in str(caught.value)


def test_an_url_in_a_log_reads_as_it_was_written() -> None:
    assert str(parse_url("mqtt://[::1]:1884")) == "mqtt://[::1]:1884"
    assert str(parse_url("ws://broker.local:9001")) == "ws://broker.local:9001/mqtt"
