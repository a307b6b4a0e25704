"""What `edgecls service` does to a system; the rig shows that it works in a real one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from edgecls.errors import EdgeclsError
from edgecls.paths import CONFIG
from edgecls.service.install import (
    Step,
    System,
    hidden,
    installing,
    refuse_packaged,
    refuse_unreachable,
    uninstalling,
)
from edgecls.service.standing import standing

PROGRAM = Path("/opt/here/bin/edgecls")
UNIT = Path("/etc/systemd/system/edgecls.service")


class Programs:
    """Answers as a system's programs do; a system without the service at first."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.facts = ""

    def __call__(self, command: Sequence[str]) -> str:
        line = " ".join(command)
        enabled = "systemctl enable edgecls.service" in self.taken
        match command[:2]:
            case ["systemctl", "show"]:
                return self.facts
            case ["systemctl", "is-enabled"]:
                return "enabled" if enabled else "disabled"
            case ["systemctl", "is-active"]:
                return "active" if enabled else "inactive"
            case ["getent", "passwd"]:
                return "edgecls:x:997:997" if enabled else ""
        self.taken.append(line)
        return ""


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path, Programs())


def take(steps: Sequence[Step]) -> None:
    for step in steps:
        step.take()


def test_a_new_system_gets_all_and_the_next_install_finds_nothing_to_do(system: System) -> None:
    for step in installing(system, PROGRAM, "# mine\n"):
        step.take()
    assert f"ExecStart={PROGRAM} run -c {CONFIG}" in system.at(UNIT).read_text()
    assert system.at(CONFIG).read_text() == "# mine\n"
    assert system.at(CONFIG.parent / "credentials").stat().st_mode & 0o777 == 0o700
    assert isinstance(system.run, Programs)
    assert system.run.taken == [
        "systemd-sysusers /etc/sysusers.d/edgecls.conf",
        "systemctl daemon-reload",
        "systemctl enable edgecls.service",
        "systemctl restart edgecls.service",
    ]
    assert list(installing(system, PROGRAM, None)) == []


def test_another_program_replaces_the_units_and_restarts(system: System) -> None:
    for step in installing(system, PROGRAM, None):
        step.take()
    told = [step.sentence for step in installing(system, Path("/srv/my venv/edgecls"), None)]
    assert told == [
        "write /etc/systemd/system/edgecls.service",
        "write /etc/systemd/system/edgecls@.service",
        "systemctl daemon-reload",
        "systemctl restart edgecls.service",
    ]


def test_what_is_only_told_leaves_the_system_alone(system: System) -> None:
    assert list(installing(system, PROGRAM, "# mine\n"))
    assert not list(system.root.iterdir())


def test_uninstall_keeps_what_is_the_users_and_purge_takes_it(system: System) -> None:
    take(list(installing(system, PROGRAM, "# mine\n")))
    take(list(uninstalling(system, purge=False)))
    left = sorted(str(path.relative_to(system.root)) for path in system.root.rglob("*.*"))
    assert left == ["etc/edgecls/edgecls.toml", "etc/sysusers.d", "etc/udev/rules.d"]
    take(list(uninstalling(system, purge=True)))
    assert not system.at(CONFIG.parent).exists()


@pytest.mark.parametrize("place", ["/home/pi/venv/bin/edgecls", "/tmp/edgecls", "/root/edgecls"])
def test_a_program_that_the_service_cannot_see_is_refused(place: str) -> None:
    with pytest.raises(EdgeclsError, match=r"no access to /(home|tmp|root), where"):
        refuse_unreachable([Path(place)])


def test_the_packages_service_is_left_to_the_package(system: System) -> None:
    refuse_packaged(system)
    packaged = system.root / "usr/lib/systemd/system/edgecls.service"
    packaged.parent.mkdir(parents=True)
    packaged.touch()
    with pytest.raises(EdgeclsError, match="apt remove edgecls"):
        refuse_packaged(system)


def test_a_stopped_service_says_what_its_exit_status_means(system: System) -> None:
    assert isinstance(system.run, Programs)
    system.run.facts = (
        "LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\nExecMainCode=1\n"
        "ExecMainStatus=78\nNRestarts=0\nStatusText=\nUnitFileState=enabled\n"
        "StateChangeTimestamp=Sat 2026-11-21 10:22:26 UTC"
    )
    runs, lines = standing(system, "edgecls.service")
    assert not runs
    since, ended, at_boot = lines
    assert since == "edgecls.service: failed (failed) since Sat 2026-11-21 10:22:26 UTC"
    assert ended.startswith("last end: exit status 78: the configuration or a model file is wrong")
    assert at_boot == "at boot: started"


def test_what_the_unit_hides_is_known() -> None:
    assert hidden(Path("/home/pi/gate.tflite")) == Path("/home")
    assert hidden(Path("/var/lib/edgecls/models/gate.tflite")) is None
