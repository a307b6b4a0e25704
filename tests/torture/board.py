"""A real daemon as a program, and a live camera that shows what the test wants."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgecls.domain import Pixels
from tests.brokers import wait_until
from tests.conftest import PROJECT
from tests.media import grey, jpeg
from tests.programs import environment
from tests.sources.server import CameraServer, http_camera
from tests.torture.ledger import committed

WATCHED = ("dark", "overexposed")
END_S = 30
# What the camera health model says of them: each from the first frame on, and sure of it.
DARK, BRIGHT = grey(0, 320, 240), grey(255, 320, 240)


class Life:
    """One run of the daemon, from its start to its end."""

    def __init__(self, command: list[str], home: Path, env: Mapping[str, str]) -> None:
        self._log = home / "daemon.log"
        self._began = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env={**environment(home), **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        """What it has said so far."""
        with self._log.open("rb") as log:
            log.seek(self._began)
            return log.read().decode()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def says(self, words: str) -> None:
        """Wait until it has said this."""
        wait_until(lambda: words in self.log or not self.alive, f"{words!r} in the log")
        assert words in self.log, self.log

    def kill(self) -> None:
        """As a crash or the kernel would."""
        self.process.kill()
        self.process.wait(END_S)

    def stop(self) -> int:
        """In good order; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_S)

    def end(self) -> int:
        """Wait for it; its exit status."""
        return self.process.wait(END_S)


class Board:
    """The device `board` with the watch `porch`; its parts may be changed between two lives."""

    def __init__(self, home: Path, camera: CameraServer, broker_url: str) -> None:
        self.home, self.camera = home, camera
        self.state_dir = home / "state" / "edgecls"
        self.database = self.state_dir / "outbox-board.sqlite"
        self.source, self.fps = camera.url, 10
        self.camera_more: dict[str, Any] = {}
        self.decision: dict[str, Any] = {"confirm": "1 of 1", "none_after_s": 0.5}
        self.watch: dict[str, Any] = {"model": "first", "labels": list(WATCHED)}
        self.models = {"first": "camera_health_v1", "second": "camera_health_v1"}
        self.mqtt: dict[str, Any] = {"url": broker_url}
        self.more = ""  # tables of TOML
        self.watches = ["porch"]

    @property
    def config(self) -> Path:
        """The file as it is to be now."""
        tables = {
            "device": {"id": "board"},
            "cameras.hall": {"source": self.source, "fps": self.fps, **self.camera_more},
            "mqtt": self.mqtt,
        }
        # Where others are busy, threads are measured anew at each start.
        tables |= {f"models.{n}": {"file": file, "threads": 1} for n, file in self.models.items()}
        for name in self.watches:
            tables[f"watches.{name}"] = {"camera": "hall", "resize": "stretch", **self.watch}
            tables[f"watches.{name}.decision"] = self.decision
        file = self.home / "edgecls.toml"
        file.write_text("\n".join(map(_table, tables, tables.values())) + self.more)
        return file

    def shows(self, *pictures: Pixels) -> None:
        """What the camera sees from now on, one after the other."""
        self.camera.pictures = [jpeg(each) for each in pictures]

    def until_committed(self, count: int) -> None:
        """Wait until so many events are committed, whether or not they get any further."""
        wait_until(lambda: committed(self.database) >= count, f"{count} events are committed")

    def begun(
        self, *arguments: object, patches: Mapping[str, object] | None = None, **env: str
    ) -> Life:
        """The daemon, from now on."""
        program = ["edgecls"]
        if patches is not None:
            named = [f"{name}={value}" for name, value in patches.items()]
            program = ["tests.torture.patched", *named, "--"]
        told = ["run", "-c", self.config, *arguments]
        return Life([sys.executable, "-m", *program, *map(str, told)], self.home, env)

    @contextmanager
    def life(self, *arguments: object, **options: Any) -> Iterator[Life]:
        """As `begun`; killed at the end if it is still there."""
        one = self.begun(*arguments, **options)
        try:
            yield one
        finally:
            one.kill()


@contextmanager
def board(home: Path, broker_url: str) -> Iterator[Board]:
    """A board whose camera sees darkness."""
    with http_camera([DARK]) as camera:
        yield Board(home, camera, broker_url)


def _table(name: str, keys: Mapping[str, Any]) -> str:
    return "\n".join([f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in keys.items()), ""])
