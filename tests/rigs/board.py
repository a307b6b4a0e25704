"""A Debian with a real systemd, and the package of this checkout on it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.brokers import wait_until
from tests.rigs.conftest import PROJECT

SUITES = {"bookworm": 252, "trixie": 257}  # and their systemd
BUILD = PROJECT / "packaging" / "debian" / "build"
UNIT = "edgecls.service"

# One watch whose state stays, one that gives events all the time.
CONFIG = """
[device]
id = "board"

[cameras.night]
source = "dir:/srv/night/?loop=true&fps=5&realtime=true"
[cameras.day]
source = "demo:"

[watches.night]
camera = "night"
model = "camera_health_v1"
labels = ["dark"]
[watches.day]
camera = "day"
model = "camera_health_v1"
labels = ["dark", "covered", "blurred", "overexposed"]

[mqtt]
url = "mqtt://127.0.0.1"
"""


class Board:
    """A folder that is booted, and what a person would type at its prompt."""

    def __init__(self, rigs: Path, folder: Path) -> None:
        self.folder = folder
        self._script = str(rigs / "board" / "boot")
        self._pid = ""

    def boot(self) -> None:
        """Until systemd says that all is up."""
        booted = subprocess.run(
            ["bash", self._script, str(self.folder)],
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        self._pid = booted.stdout.strip()

    def power_off(self) -> None:
        """In good order."""
        stop = ["bash", self._script, str(self.folder), "stop", self._pid]
        subprocess.run(stop, check=True, timeout=120, capture_output=True)

    def unplug(self) -> None:
        """Whatever state it is in: a folder that is still booted cannot be booted again."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:  # it has ended meanwhile
                continue
            if words[0] == b"systemd-nspawn" and str(self.folder).encode() in words:
                children = (process / "task" / process.name / "children").read_text().split()
                for pid in (*children, process.name):
                    os.kill(int(pid), signal.SIGKILL)

    def command(self, *words: str, namespaces: str = "-m -u -i -n -p") -> list[str]:
        """What runs these words on the board."""
        return ["nsenter", "-t", self._pid, *namespaces.split(), "--", *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program on the board to its end."""
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        return subprocess.run(
            self.command(*words), env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=400,
        )  # fmt: skip

    def out(self, *words: str) -> str:
        """What a program prints that has to go well."""
        done = self.run(*words)
        if done.returncode:
            log = self.run("journalctl", "--no-pager", "--output=cat", "--lines=30").stdout
            raise AssertionError(f"{words}: {done.stdout}{done.stderr}\n{log}")
        return done.stdout.strip()

    def at(self, path: str) -> Path:
        """A file of the board, seen from outside."""
        return self.folder / path.removeprefix("/")

    def property(self, name: str, unit: str = UNIT) -> str:
        """What systemd knows of the service."""
        return self.out("systemctl", "show", f"--property={name}", "--value", unit)

    def wait_for(self, name: str, value: str, unit: str = UNIT, timeout_s: float = 60) -> None:
        """Until systemd says so."""
        what = f"{unit}: {name} is {value}"
        wait_until(lambda: self.property(name, unit) == value, what, timeout_s)

    def journal(self, unit: str = UNIT) -> str:
        """All that the service has logged."""
        return self.out("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")

    def said(self, topic: str, port: int = 1883, login: tuple[str, ...] = ()) -> str:
        """The first message on a topic, retained or to come."""
        return self.out(
            "mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), *login,
            "-q", "1", "-W", "20", "-C", "1", "-t", topic,
        )  # fmt: skip

    def state(self, watch: str) -> dict[str, Any]:
        """The retained state of a watch."""
        found: dict[str, Any] = json.loads(self.said(f"edgecls/board/{watch}/state"))
        return found


class Listener:
    """A subscriber on the board that stays; it survives the broker."""

    def __init__(self, board: Board, diary: Path) -> None:
        self._diary = diary
        listen = board.command(
            "mosquitto_sub", "-h", "127.0.0.1", "-q", "1", "-F", "%t %p", "-i", str(uuid.uuid4()),
            "-c", "-t", "edgecls/+/+/event",
            namespaces="-m -n",  # of the processes' own, nsenter would stand between it and a kill
        )  # fmt: skip
        with diary.open("w") as out:
            self._process = subprocess.Popen(listen, stdout=out, stderr=subprocess.DEVNULL)

    def events(self) -> list[dict[str, Any]]:
        """Those that have arrived."""
        lines = self._diary.read_text().splitlines(keepends=True)
        return [json.loads(line.partition(" ")[2]) for line in lines if line.endswith("\n")]

    def wait_for(
        self, what: Callable[[list[dict[str, Any]]], bool], timeout_s: float = 40
    ) -> list[dict[str, Any]]:
        """Until it holds for the events so far; those events."""
        wait_until(lambda: what(self.events()), "expected events", timeout_s)
        return self.events()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def package(root: Path, out: Path, chroot: str = "chroot") -> Path:
    """The Debian package of this checkout, built in that folder; `chroot` runs programs in it."""
    built = subprocess.run(
        [str(BUILD), str(root), str(out)],
        env={**os.environ, "LEVEL": "1", "CHROOT": chroot},
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return Path(built.stdout.splitlines()[-1])


def copy_of(root: Path) -> Path:
    """A board of its own for a test run, without what was downloaded to build."""
    folder = Path(tempfile.mkdtemp(prefix=f"{root.name}-", dir=root.parent))
    folder.chmod(0o755)
    parts = [path.name for path in root.iterdir()]
    subprocess.run(["cp", "-a", *parts, str(folder)], cwd=root, check=True)
    shutil.rmtree(folder / "var" / "cache" / "edgecls-deb", ignore_errors=True)
    return folder
