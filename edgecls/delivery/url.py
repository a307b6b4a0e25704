"""Where the broker is: its URL."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from edgecls.errors import ConfigError

EMBEDDED = "embedded"
LOOPBACK = "127.0.0.1"
DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
# What most brokers expect; Mosquitto takes any.
DEFAULT_WEBSOCKET_PATH = "/mqtt"

_ALLOWED = "mqtt://host, mqtts://host, ws://host, wss://host (each with :port) or embedded:"


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """A broker's address; `str()` of it is safe to log, there is never a login in it."""

    scheme: str
    host: str
    port: int
    path: str = ""  # of a websocket

    @property
    def tls(self) -> bool:
        return self.scheme in ("mqtts", "wss")

    @property
    def websocket(self) -> bool:
        return self.scheme in ("ws", "wss")

    def __str__(self) -> str:
        if self.scheme == EMBEDDED:
            return f"embedded:{self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def parse_url(url: str) -> BrokerUrl:
    """Take a broker's URL apart. Raises ConfigError, whose message never repeats a password.

    `embedded:` may name the port where the embedded broker was started: `embedded:1884`.
    """
    scheme, _, rest = url.partition(":")
    if scheme == EMBEDDED and (not rest or rest.isdecimal()):
        return BrokerUrl(EMBEDDED, LOOPBACK, int(rest or DEFAULT_PORTS["mqtt"]))
    if "@" in url:
        raise ConfigError(
            "[mqtt] url has a login in it; put the name in 'username' and the password in a file"
            " named by 'password_file'"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"[mqtt] url {url!r}: {error}; allowed: {_ALLOWED}") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or port == 0:
        raise ConfigError(f"[mqtt] url {url!r} is not a broker's address; allowed: {_ALLOWED}")
    if parts.query or parts.fragment:
        raise ConfigError(f"[mqtt] url {url!r} must end after the path; allowed: {_ALLOWED}")
    websocket = parts.scheme in ("ws", "wss")
    if not websocket and parts.path not in ("", "/"):
        raise ConfigError(f"[mqtt] url {url!r}: only ws:// and wss:// have a path")
    path = (parts.path or DEFAULT_WEBSOCKET_PATH) if websocket else ""
    return BrokerUrl(parts.scheme, parts.hostname, port or DEFAULT_PORTS[parts.scheme], path)
