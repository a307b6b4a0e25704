"""Where the commands of a page run: a folder of its own, and a broker in place of broker.local."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.brokers import wait_until
from tests.conftest import PROJECT
from tests.docs.pages import Block
from tests.programs import environment

TIMEOUT_S = 60
HOST = "broker.local"


class Sandbox:
    """Runs blocks in the order of their page; leaving the context ends what still runs."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self._port = folder, port
        self._running: list[subprocess.Popen[bytes]] = []
        self._outputs = 0
        (folder / "models").symlink_to(PROJECT / "models")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            with suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(TIMEOUT_S)

    def put(self, name: str, text: str) -> None:
        """A file of the page."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._here(text) + "\n")

    def run(self, block: Block) -> None:
        """A block of console or Python, as its comment says."""
        if block.language == "python":
            name = f"example{block.line}.py"
            self.put(name, block.text)
            self._command(block, f"exec python {name}", "")
            return
        for text, expected in _commands(block.text):
            command = self._here(text)
            self._command(block, command if block.said else _ending(command), expected)

    def _command(self, block: Block, command: str, expected: str) -> None:
        self._outputs += 1
        output = self.folder / f"output{self._outputs}"
        with output.open("wb") as sink:
            process = subprocess.Popen(
                ["bash", "-o", "pipefail", "-c", command],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(process)
        if block.told("keep running") is not None:
            return
        if (text := block.told("until")) is not None:
            wait_until(
                lambda: text in output.read_text() or process.poll() is not None, text, TIMEOUT_S
            )
            assert text in output.read_text(), f"{block}: {command}\n{output.read_text()}"
            return
        status = process.wait(TIMEOUT_S)
        self._running.remove(process)
        said = output.read_text()
        assert status == 0, f"{block}: {command} ended with {status}:\n{said}"
        if expected:
            assert re.fullmatch(_pattern(expected), said.strip()), f"{block}: {command}\n{said}"

    @property
    def _environment(self) -> dict[str, str]:
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"
        return environment(self.folder) | {"PATH": programs, "PYTHONUNBUFFERED": "1"}

    def _here(self, text: str) -> str:
        """The text with our broker."""
        text = text.replace(f"//{HOST}", f"//127.0.0.1:{self._port}")
        text = text.replace(f'"{HOST}"', f'"127.0.0.1", {self._port}')
        return text.replace(f"-h {HOST}", f"-h 127.0.0.1 -p {self._port}")


def _commands(text: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output that is shown below it."""
    found: list[tuple[str, str]] = []
    for each in re.split(r"^\$ ", text.replace("\\\n", ""), flags=re.MULTILINE)[1:]:
        command, _, output = each.partition("\n")
        found.append((command, output.strip()))
    return found


def _ending(command: str) -> str:
    """The command with subscribers that end with their first message, or after a time."""
    if re.search(r" -W ", command):
        return command
    count = "" if re.search(r" -C ", command) else " -C 1"
    return re.sub(r"\bmosquitto_sub\b", f"mosquitto_sub -W {TIMEOUT_S // 2}{count}", command)


def _pattern(expected: str) -> str:
    """`…` stands for anything."""
    return "(?s)" + ".*".join(re.escape(part) for part in expected.split("…"))
