"""Heat and power of the board."""

from __future__ import annotations

from collections.abc import Iterator

from edgecls.doctor.findings import Finding, Patient, failed, passed, skipped
from edgecls.service.board import (
    SLOWED,
    Throttling,
    is_raspberry_pi,
    power_report,
    soc_temp_c,
    under_voltage,
)

# From here on the firmware of a Pi slows the processor down.
_HOT_C = 80.0
_COOLING = "give the board a heat sink or a fan, and shade on the roof"
_SUPPLY = "use the power supply that the board asks for, and a short, thick cable"
_NO_ANSWER = "the firmware does not answer"


def temperature(patient: Patient) -> Iterator[Finding]:
    """The processor's."""
    told = soc_temp_c(patient.root)
    if told is None:
        yield skipped("temperature", "the board does not tell")
    elif told >= _HOT_C:
        yield failed("temperature", f"{told} °C", _COOLING)
    else:
        yield passed("temperature", f"{told} °C")


def power(patient: Patient) -> Iterator[Finding]:
    """Throttling and under-voltage, now and since the boot; of a Raspberry Pi."""
    if not is_raspberry_pi(patient.root):
        yield skipped("throttling", "not a Raspberry Pi")
        yield skipped("under_voltage", "not a Raspberry Pi")
        return
    report = power_report(patient.root)
    if report is None:
        ask = "run it as root, or let its user into the group video"
        yield skipped("throttling", f"{_NO_ANSWER}: {ask}")
    else:
        yield _judged("throttling", report.now & SLOWED, report.since_boot & SLOWED, _COOLING)
        weak = Throttling.UNDER_VOLTAGE
        yield _judged("under_voltage", report.now & weak, report.since_boot & weak, _SUPPLY)
        return
    alarm = under_voltage(patient.root)
    if alarm is None:
        yield skipped("under_voltage", _NO_ANSWER)
    elif alarm:
        yield failed("under_voltage", "now", _SUPPLY)
    else:
        yield passed("under_voltage", "not now")


def _judged(check: str, now: Throttling, since_boot: Throttling, remedy: str) -> Finding:
    if not now and not since_boot:
        return passed(check, "not since the boot")
    return failed(check, f"now: {_words(now)}; since the boot: {_words(since_boot)}", remedy)


def _words(bits: Throttling) -> str:
    return ", ".join((each.name or "").lower().replace("_", " ") for each in bits) or "no"
