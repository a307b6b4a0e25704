"""The broker session: which broker, which version of MQTT, when to try again, what to say of it."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgecls.delivery.connection import Connection, End, Ending, Login
from edgecls.delivery.happenings import Happening, Lost
from edgecls.delivery.url import EMBEDDED, BrokerUrl, parse_url
from edgecls.errors import ConfigError
from edgecls.health import Health
from edgecls.passwords import read_password
from edgecls.settings import MqttSettings

if TYPE_CHECKING:
    from ssl import SSLContext

log = logging.getLogger(__name__)

NOT_AUTHORIZED = "mqtt_not_authorized"
CLIENT_ID_TAKEN = "client_id_taken"
TLS_INSECURE = "tls_insecure"

MAX_PAUSE_S = 30.0
GOODBYE_S = 1.0
# A connection that lasted so long was a good one: the next pause is a short one again.
STABLE_S = 10.0


def pause_s(failures: int) -> float:
    """Seconds before the next try: 1 to 30, at random, so that a fleet does not return as one."""
    return random.uniform(1.0, min(MAX_PAUSE_S, 2.0 ** (failures + 1)))


class Session:
    """Keeps a connection to one of the brokers; `run` is the body of the thread "mqtt"."""

    def __init__(
        self,
        settings: MqttSettings,
        client_id: str,
        status_topic: str,
        *,
        base: Path,
        health: Health,
        tell: Callable[[Happening], None],
        pause: Callable[[int], float] = pause_s,
    ) -> None:
        self._urls = broker_urls(settings)
        self._read_login = partial(login, settings, base, client_id, status_topic)
        self._login = self._read_login()
        self._shows_certificate = settings.cert_file is not None
        self._health, self._tell, self._pause = health, tell, pause
        self._versions = {"auto": (5, 4), "5": (5,), "3.1.1": (4,)}[settings.protocol]
        self._old_brokers: set[BrokerUrl] = set()
        self._new_brokers: set[BrokerUrl] = set()
        self._closed = threading.Event()
        self._connection: Connection | None = None
        self._told: set[tuple[BrokerUrl, End]] = set()
        self._down_since: float | None = None
        health.warning(TLS_INSECURE, settings.tls_insecure)

    def run(self) -> None:
        """Connect, stay, and begin again, until closed."""
        failures = 0
        while not self._closed.is_set():
            lasted_s = self._attend(self._urls[failures % len(self._urls)])
            failures = 0 if lasted_s >= STABLE_S else failures + 1
            if failures % len(self._urls) == 0:
                self._closed.wait(self._pause(failures // len(self._urls)))

    def close(self, *, with_will: bool = False) -> None:
        """Leave the broker and end `run`; `with_will`: the will is published after its delay."""
        self._closed.set()
        if (connection := self._connection) is not None:
            connection.disconnect(with_will=with_will)
            connection.ended.wait(GOODBYE_S)  # a process that ends now would break it off

    def _attend(self, url: BrokerUrl) -> float:
        """Connect and stay as long as it lasts; how many seconds that was (0: not at all)."""
        if self._told:  # whoever read that may have mended the files
            with suppress(ConfigError):
                self._login = self._read_login()
        for version in self._versions_for(url):
            connection = Connection(url, version, self._login, self._tell)
            ending = connection.open()
            if ending is None:
                return self._stay(url, version, connection)
            if self._closed.is_set():
                break
            if not self._is_old(url, ending) or version == self._versions[-1]:
                self._complain(url, ending)
                break
            if ending.end is End.OLD_BROKER:
                self._old_brokers.add(url)
        return 0.0

    def _stay(self, url: BrokerUrl, version: int, connection: Connection) -> float:
        self._welcome(url, version)
        if version == 5:
            self._new_brokers.add(url)
        since = time.monotonic()
        self._connection = connection
        if self._closed.is_set():  # `close` came before the line above, and nobody said `offline`
            connection.disconnect(with_will=True)
        ending = connection.stay()
        self._connection = None
        self._tell(Lost(connection))
        lasted_s = time.monotonic() - since
        if not self._closed.is_set():
            self._complain(url, ending)
        return lasted_s

    def _is_old(self, url: BrokerUrl, ending: Ending) -> bool:
        # Silence is a refusal of the version only from one that has never spoken it: every broker
        # is silent when the connection is cut.
        silent = ending.end is End.NO_ANSWER and url not in self._new_brokers
        return silent or ending.end is End.OLD_BROKER

    def _versions_for(self, url: BrokerUrl) -> tuple[int, ...]:
        # The embedded broker knows 3.1.1 only, and falls silent at a will of MQTT 5.
        old = url.scheme == EMBEDDED or url in self._old_brokers
        return (4,) if old else self._versions

    def _welcome(self, url: BrokerUrl, version: int) -> None:
        spoken = "5" if version == 5 else "3.1.1"
        if self._down_since is None:
            log.info("connected to broker %s (MQTT %s)", url, spoken)
        else:
            away_s = time.monotonic() - self._down_since
            log.info("broker back after %.0f s: %s (MQTT %s)", away_s, url, spoken)
        self._down_since = None
        self._told.clear()
        self._health.fault(NOT_AUTHORIZED, False)

    def _complain(self, url: BrokerUrl, ending: Ending) -> None:
        """One line per broker and kind of failure until a connection succeeds."""
        if self._down_since is None:
            self._down_since = time.monotonic()
        if ending.end is End.UNREACHABLE:
            self._old_brokers.discard(url)  # it may come back as a newer one, or as an older
            self._new_brokers.discard(url)
        if ending.end is End.NOT_AUTHORIZED:
            self._health.fault(NOT_AUTHORIZED, True)
        if ending.end is End.TAKEN_OVER:
            self._health.fault(CLIENT_ID_TAKEN, True)
        if (url, ending.end) not in self._told:
            self._told.add((url, ending.end))
            log.warning(_SENTENCES[ending.end], url, ending.why + self._hint(url, ending))

    def _hint(self, url: BrokerUrl, ending: Ending) -> str:
        """TLS 1.3 tells nobody that a certificate is wanted: the connection is just closed."""
        silent = ending.end is End.NO_ANSWER and url.tls and not self._shows_certificate
        return "; if it wants a client certificate, set cert_file" if silent else ""


_SENTENCES = {
    End.UNREACHABLE: "broker %s not reachable: %s; trying again",
    End.OLD_BROKER: "broker %s does not speak this MQTT: %s; set protocol in [mqtt]; trying again",
    End.NO_ANSWER: "broker %s does not answer as one: %s; trying again",
    End.NOT_AUTHORIZED: "broker %s refuses the login: %s; check username and password_file in"
    " [mqtt]; trying again",
    End.REFUSED: "broker %s refuses us: %s; trying again",
    End.TAKEN_OVER: "broker %s: another client has taken our client id, is a second daemon running"
    " with the same [device] id? (%s); trying again",
    End.LOST: "connection to broker %s lost: %s; trying again",
}


def check(settings: MqttSettings, base: Path) -> None:
    """Raise ConfigError for whatever would stop the start: URLs, password file, certificates."""
    login(settings, base, "", None)


def login(settings: MqttSettings, base: Path, client_id: str, status_topic: str | None) -> Login:
    """Who the settings say that we are. Raises ConfigError as `check` does."""
    tls = _tls(settings) if any(url.tls for url in broker_urls(settings)) else None
    password = _password(settings, base)
    return Login(client_id, status_topic, settings.username, password, tls)


def broker_urls(settings: MqttSettings) -> list[BrokerUrl]:
    """The brokers, in the order in which they are tried. Raises ConfigError."""
    texts: Sequence[str] = [settings.url] if isinstance(settings.url, str) else settings.url
    return [parse_url(text) for text in texts]


def _password(settings: MqttSettings, base: Path) -> str | None:
    if settings.password_file is None:
        return None
    if settings.username is None:
        raise ConfigError("[mqtt] password_file without username: MQTT wants both")
    return read_password(settings.password_file, base, "[mqtt]")


def _tls(settings: MqttSettings) -> SSLContext:
    import ssl

    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except OSError as error:  # also ssl.SSLError: a file that holds no certificate
        files = [settings.ca_file, settings.cert_file, settings.key_file]
        named = ", ".join(repr(file) for file in files if file)
        raise ConfigError(
            f"[mqtt] ca_file, cert_file or key_file ({named}) cannot be used: {error.strerror}"
        ) from error
    if settings.ca_file is not None:
        # Python 3.13 refuses authorities without key usage, as many home-made ones are.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if settings.tls_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
