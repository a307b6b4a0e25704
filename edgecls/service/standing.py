"""How the service stands, from what systemd and the journal know, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator

from edgecls.errors import EdgeclsError
from edgecls.service.install import System

# docs/service.md has them all.
_MEANINGS = {
    "0": "stopped as asked",
    "1": "something failed while running",
    "2": "wrong usage in the unit's ExecStart; starting again cannot help",
    "75": "a camera, an accelerator or a disk went away; starting again may help",
    "78": "the configuration or a model file is wrong; starting again cannot help",
    "203": "systemd cannot execute edgecls",
    "217": "there is no user edgecls",
    "243": "systemd cannot read /etc/edgecls/credentials",
}
_WANTED = (
    "LoadState,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus,NRestarts,StatusText,"
    "UnitFileState,StateChangeTimestamp"
)
_EXITED = "1"  # CLD_EXITED: otherwise a signal has ended it
_LOG_LINES = 5


def standing(system: System, unit: str) -> tuple[bool, Iterator[str]]:
    """Whether the service runs, and what a person wants to know. EdgeclsError without systemd."""
    told = system.run(("systemctl", "show", unit, f"--property={_WANTED}"))
    facts = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    if facts.get("LoadState") == "not-found":
        raise EdgeclsError(f"{unit} is not installed; install it with: edgecls service install")
    return facts.get("ActiveState") in ("active", "reloading"), _lines(system, unit, facts)


def _lines(system: System, unit: str, facts: dict[str, str]) -> Iterator[str]:
    since = facts["StateChangeTimestamp"]
    yield f"{unit}: {facts['ActiveState']} ({facts['SubState']})" + (
        f" since {since}" * bool(since)
    )
    if facts["ActiveState"] in ("active", "reloading"):
        yield facts["StatusText"] or "it says nothing yet"
    if ended := _ended(facts):
        yield ended
    if facts["NRestarts"] not in ("", "0"):
        yield f"started again {facts['NRestarts']} times"
    yield f"at boot: {'started' if facts['UnitFileState'] == 'enabled' else 'not started'}"
    log = system.says("journalctl", f"--unit={unit}", "--no-pager", f"--lines={_LOG_LINES}",
                      "--output=short-iso", "--quiet")  # fmt: skip
    yield from log.splitlines()


def _ended(facts: dict[str, str]) -> str | None:
    """How its last process ended, and what that means."""
    status = facts["ExecMainStatus"]
    if facts["Result"] == "watchdog":
        return "last end: the watchdog, because something hung"
    if facts["ExecMainCode"] in ("", "0"):
        return None
    if facts["ExecMainCode"] != _EXITED:
        return f"last end: signal {status}"
    return f"last end: exit status {status}: {_MEANINGS.get(status, 'see systemd.exec(5)')}"
