"""What the doctor says of a broker's certificate."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecls.doctor.broker import broker
from tests.brokers import MakeMosquitto, Mosquitto
from tests.doctor.patients import FAIL, SCENE, failures, only, patient, results
from tests.torture.certificates import Authority


def serving(make_mosquitto: MakeMosquitto, certificate: Path) -> int:
    key = certificate.with_suffix(".key")
    return make_mosquitto(lines=f"certfile {certificate}\nkeyfile {key}").start().port


def config(port: int, more: str) -> str:
    return f'{SCENE}\n[mqtt]\nurl = "mqtts://localhost:{port}"\n{more}\n'


def test_the_right_authority_is_all_that_is_needed(
    make_mosquitto: MakeMosquitto, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    port = serving(make_mosquitto, authority.signs("broker"))
    findings = [*broker(patient(tmp_path, config(port, 'ca_file = "ca.pem"')))]
    assert FAIL not in results(iter(findings)).values()
    assert "certificate valid" in only(iter(findings), "broker_tls").found
    assert "localhost is" in only(iter(findings), "broker_dns").found


@pytest.mark.parametrize(
    ("host", "days", "authority", "remedy"),
    [
        ("localhost", 2, "other", "ca_file"),
        ("localhost", 2, None, "ca_file"),
        ("elsewhere", 2, "ca", "the name that the broker's certificate is for"),
        ("localhost", -1, "ca", "renew"),
    ],
)
def test_a_certificate_that_is_not_valid(
    *,
    host: str,
    days: int,
    authority: str | None,
    remedy: str,
    make_mosquitto: MakeMosquitto,
    tmp_path: Path,
) -> None:
    certificate = Authority(tmp_path).signs("broker", host=host, days=days)
    Authority(tmp_path, "other")
    port = serving(make_mosquitto, certificate)
    more = "" if authority is None else f'ca_file = "{authority}.pem"'
    failed = failures(broker(patient(tmp_path, config(port, more))))
    assert set(failed) == {"broker_tls"}
    assert remedy in (failed["broker_tls"].remedy or "")


def test_a_home_made_authority_that_does_not_say_what_it_is_for_will_do(
    make_mosquitto: MakeMosquitto, tmp_path: Path
) -> None:
    port = serving(make_mosquitto, Authority(tmp_path, extensions="").signs("broker"))
    findings = broker(patient(tmp_path, config(port, 'ca_file = "ca.pem"')))
    assert "certificate valid" in only(findings, "broker_tls").found


def test_a_certificate_that_is_not_checked_is_said_to_be(
    make_mosquitto: MakeMosquitto, tmp_path: Path
) -> None:
    port = serving(make_mosquitto, Authority(tmp_path).signs("broker", days=-1))
    findings = broker(patient(tmp_path, config(port, "tls_insecure = true")))
    assert "not checked" in only(findings, "broker_tls").found


def test_a_port_without_tls(mosquitto: Mosquitto, tmp_path: Path) -> None:
    failed = failures(broker(patient(tmp_path, config(mosquitto.port, ""))))
    assert "mqtt://" in (failed["broker_tls"].remedy or "")
