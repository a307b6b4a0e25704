"""The broker: its name, its port, its certificate, our login; then what we may do there."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterator

from edgecls.delivery.connection import End, Ending, Login
from edgecls.delivery.session import broker_urls, login
from edgecls.delivery.url import EMBEDDED, BrokerUrl
from edgecls.device import device_id
from edgecls.doctor.findings import NO_CONFIG, Finding, Patient, failed, passed, skipped
from edgecls.doctor.permissions import Topics, permissions
from edgecls.doctor.visit import Visit
from edgecls.errors import ConfigError
from edgecls.settings import Config, MqttSettings

_CONNECTING_S = 5.0
_VERSIONS = {"auto": (5, 4), "5": (5,), "3.1.1": (4,)}


def broker(patient: Patient) -> Iterator[Finding]:
    """All of it, for each broker of the configuration."""
    config = patient.config
    if config is None or config.mqtt is None:
        yield skipped("broker", NO_CONFIG if config is None else "there is no [mqtt]")
        return
    device = device_id(config.device)
    try:
        urls = broker_urls(config.mqtt)
        who = login(config.mqtt, config.base, f"edgecls-{device}-doctor", None)
    except ConfigError as error:
        yield failed("broker", str(error), "mend [mqtt]")
        return
    for url in urls:
        if url.scheme == EMBEDDED:
            yield skipped("broker", "it runs inside the daemon", str(url))
            continue
        reached = True
        for finding in _reach(url, who, config.mqtt):
            yield finding
            reached = reached and finding.remedy is None
        if reached:
            yield from _visit(url, who, config, device)


def _reach(url: BrokerUrl, who: Login, settings: MqttSettings) -> Iterator[Finding]:
    subject = str(url)
    named = _name(url)
    yield named
    if named.remedy is not None:
        return
    try:
        connection = socket.create_connection((url.host, url.port), _CONNECTING_S)
    except OSError as error:
        remedy = "see that the broker runs, listens on this port and that no firewall is between"
        yield failed("broker_tcp", str(error.strerror or error), remedy, subject)
        return
    with connection:
        yield passed("broker_tcp", f"port {url.port} is open", subject)
        if url.tls:
            assert who.tls is not None
            yield _encrypted(connection, url, who.tls, insecure=settings.tls_insecure)


def _name(url: BrokerUrl) -> Finding:
    subject = str(url)
    try:
        ipaddress.ip_address(url.host)
    except ValueError:
        pass
    else:
        return skipped("broker_dns", "an address needs no name server", subject)
    try:
        found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        remedy = "check the name in url of [mqtt] and the name server, or use the broker's address"
        if url.host.endswith(".local"):
            remedy = "install avahi-daemon and libnss-mdns for .local names, or use the address"
        words = getattr(error, "strerror", None) or str(error)
        return failed("broker_dns", f"{url.host}: {words}", remedy, subject)
    addresses = ", ".join(dict.fromkeys(str(each[4][0]) for each in found))
    return passed("broker_dns", f"{url.host} is {addresses}", subject)


def _encrypted(
    connection: socket.socket, url: BrokerUrl, context: ssl.SSLContext, *, insecure: bool
) -> Finding:
    subject = str(url)
    try:
        with context.wrap_socket(connection, server_hostname=url.host) as encrypted:
            version = encrypted.version()
    except ssl.SSLCertVerificationError as error:
        return failed("broker_tls", error.verify_message, _remedy(error), subject)
    except OSError as error:  # also ssl.SSLError
        remedy = "see that this port speaks TLS; mqtt:// is for one that does not"
        return failed("broker_tls", str(error.strerror or error), remedy, subject)
    checked = "its certificate is not checked (tls_insecure)" if insecure else "certificate valid"
    return passed("broker_tls", f"{version}, {checked}", subject)


def _remedy(error: ssl.SSLCertVerificationError) -> str:
    words = error.verify_message.lower()
    if "hostname mismatch" in words or "ip address mismatch" in words:
        return "write in url of [mqtt] the name that the broker's certificate is for"
    if "expired" in words or "not yet valid" in words:
        return "renew the broker's certificate, and see that the clock of this board is right"
    return "name the authority that signed the broker's certificate in ca_file of [mqtt]"


def _visit(url: BrokerUrl, who: Login, config: Config, device: str) -> Iterator[Finding]:
    assert config.mqtt is not None
    visit = Visit(url, who, _VERSIONS[config.mqtt.protocol])
    ending = visit.enter()
    if ending is not None:
        yield _refused(url, ending)
        return
    with visit:
        spoken = "MQTT 5" if visit.version == 5 else "MQTT 3.1.1"
        user = "without a name" if who.username is None else f"as {who.username}"
        yield passed("broker_login", f"accepted {user}, {spoken}", str(url))
    yield from permissions(
        lambda: Visit(url, who, [visit.version]), Topics(config.mqtt, device, config.watches)
    )


def _refused(url: BrokerUrl, ending: Ending) -> Finding:
    remedy = "see that an MQTT broker listens on this port, and set protocol in [mqtt] if it is old"
    if ending.end is End.NOT_AUTHORIZED:
        remedy = "check username and password_file in [mqtt], and that the broker knows this user"
    return failed("broker_login", f"{ending.end.value}: {ending.why}", remedy, str(url))
