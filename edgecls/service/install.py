"""Puts the service into a system and takes it away again: as steps, which can be told or taken."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecls.catalogue import shipped
from edgecls.errors import EdgeclsError
from edgecls.paths import CONFIG, SERVICE_CONFIGS, SERVICE_STATE

SERVICE = "edgecls.service"
USER = "edgecls"
UNITS = Path("/etc/systemd/system")
CREDENTIALS = SERVICE_CONFIGS / "credentials"
PACKAGED_UNIT = Path("/usr/lib/systemd/system") / SERVICE

# What ships, and where it goes.
_FILES = {
    SERVICE: UNITS / SERVICE,
    "edgecls@.service": UNITS / "edgecls@.service",
    "edgecls.sysusers": Path("/etc/sysusers.d/edgecls.conf"),
    "60-edgecls.rules": Path("/etc/udev/rules.d/60-edgecls.rules"),
}
_SHIPPED_PROGRAM = "/opt/edgecls/bin/edgecls"
# The unit's ProtectHome and PrivateTmp hide these from the service.
_HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))

Run = Callable[[Sequence[str]], str]


def run(command: Sequence[str]) -> str:
    """What the command printed, without the line's end. EdgeclsError with its last words."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise EdgeclsError(
            f"{command[0]}: {error.strerror}: is this a system with systemd?"
        ) from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[0]
        raise EdgeclsError(f"{' '.join(command[:3])}: {said}")
    return done.stdout.strip()


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done to the system, in words for a person."""

    sentence: str
    take: Callable[[], object]


@dataclass(frozen=True)
class System:
    """The system under `root`, and how its programs are called."""

    root: Path = Path("/")
    run: Run = run

    def at(self, path: Path) -> Path:
        """Where the path lies, seen from here."""
        return self.root / path.relative_to("/")

    def says(self, *command: str) -> str:
        """What a command prints; nothing where it fails."""
        try:
            return self.run(command)
        except EdgeclsError:
            return ""

    def command(self, *command: str) -> Step:
        """The step of running a command."""
        return Step(" ".join(command), lambda: self.run(command))

    def write(self, path: Path, text: str) -> Step:
        """The step of writing a file that everybody may read."""

        def take() -> None:
            self.at(path).parent.mkdir(parents=True, exist_ok=True)
            self.at(path).write_text(text, encoding="utf-8")
            self.at(path).chmod(0o644)

        return Step(f"write {path}", take)

    def make(self, folder: Path, mode: int) -> Step:
        """The step of making a folder."""

        def take() -> None:
            self.at(folder).mkdir(parents=True)
            self.at(folder).chmod(mode)

        return Step(f"make {folder} (mode {mode:o})", take)

    def remove(self, path: Path) -> Step:
        """The step of removing a file, or a folder with all that is in it."""
        there = self.at(path)
        if there.is_dir():
            return Step(f"remove {path} and all that is in it", lambda: shutil.rmtree(there))
        return Step(f"remove {path}", there.unlink)


def refuse_packaged(system: System) -> None:
    """EdgeclsError where the Debian package, and nobody else, has brought the service."""
    if system.at(PACKAGED_UNIT).exists() and not system.at(UNITS / SERVICE).exists():
        raise EdgeclsError(
            f"the Debian package has brought {PACKAGED_UNIT}; start it with: systemctl enable "
            "--now edgecls, remove it with: apt remove edgecls"
        )


def refuse_unreachable(paths: Sequence[Path]) -> None:
    """EdgeclsError where the service could not see or execute one of these."""
    for path in paths:
        real = path.resolve()
        closed = (folder for folder in real.parents if not folder.stat().st_mode & 0o001)
        if barrier := hidden(path) or next(closed, None):
            raise EdgeclsError(
                f"the service has no access to {barrier}, where {path} lies; install "
                "edgecls where it has: python3 -m venv --system-site-packages /opt/edgecls && "
                "/opt/edgecls/bin/pip install edgecls"
            )


def hidden(path: Path) -> Path | None:
    """The folder that hides a file from the service."""
    real = path.resolve()
    return next((folder for folder in _HIDDEN if real.is_relative_to(folder)), None)


def installing(system: System, program: Path, config: str | None) -> Iterator[Step]:
    """What is missing. `config`: the text of the configuration file where there is none."""
    for folder, mode in ((CONFIG.parent, 0o755), (CREDENTIALS, 0o700)):
        if not system.at(folder).is_dir():
            yield system.make(folder, mode)
    if config is not None:
        yield system.write(CONFIG, config)
    changed = {
        name: text for name, text in _texts(program).items() if _text(system, _FILES[name]) != text
    }
    for name, text in changed.items():
        yield system.write(_FILES[name], text)
    if "edgecls.sysusers" in changed or not system.says("getent", "passwd", USER):
        yield system.command("systemd-sysusers", str(_FILES["edgecls.sysusers"]))
    if "60-edgecls.rules" in changed and system.at(Path("/run/udev/control")).exists():
        yield system.command("udevadm", "control", "--reload")
        yield system.command("udevadm", "trigger")
    if units := [name for name in changed if name.endswith(".service")]:
        yield system.command("systemctl", "daemon-reload")
    if system.says("systemctl", "is-enabled", SERVICE) != "enabled":
        yield system.command("systemctl", "enable", SERVICE)
    running = system.says("systemctl", "is-active", SERVICE) == "active"
    if units or config is not None or not running:
        yield system.command("systemctl", "restart", SERVICE)


def uninstalling(system: System, *, purge: bool) -> Iterator[Step]:
    """What is there of the service; with `purge`, also of its configuration, state and user."""
    wants = system.at(UNITS / "multi-user.target.wants")
    if enabled := sorted(path.name for path in wants.glob("edgecls@*.service")):
        yield system.command("systemctl", "disable", *enabled)
    if system.at(UNITS / SERVICE).exists():
        yield system.command("systemctl", "disable", SERVICE)
    there = [path for path in _FILES.values() if system.at(path).exists()]
    if there:
        yield system.command("systemctl", "stop", SERVICE, "edgecls@*.service")
    for path in there:
        yield system.remove(path)
    if purge:
        more = UNITS / f"{SERVICE}.d", UNITS / "edgecls@.service.d"
        folders = [*more, SERVICE_CONFIGS, SERVICE_STATE]
        yield from (system.remove(folder) for folder in folders if system.at(folder).exists())
    if there:
        yield system.command("systemctl", "daemon-reload")
        yield system.command("systemctl", "reset-failed", "edgecls*.service")
    if purge and system.says("getent", "passwd", USER):
        yield system.command("userdel", USER)


def _texts(program: Path) -> dict[str, str]:
    """The files as they belong on this system."""
    folder = shipped("systemd")
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in _FILES}
    return {
        name: text.replace(f"ExecStart={_SHIPPED_PROGRAM} ", f"ExecStart={_escaped(program)} ")
        for name, text in texts.items()
    }


def _escaped(program: Path) -> str:
    """As systemd.service(5) wants a path in a command line."""
    text = str(program).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if " " in text else text


def _text(system: System, path: Path) -> str | None:
    try:
        return system.at(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
