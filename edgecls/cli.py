"""The command line: parses, calls, and turns every failure into one line and an exit status."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TextIO

from edgecls import __version__
from edgecls.errors import EdgeclsError, one_line
from edgecls.settings import ModelSettings, WatchSettings

DEFAULT_CONFIG = Path("/etc/edgecls/edgecls.toml")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status of CONTRACT: 0, 1, 2, 75 or 78."""
    _prepare_output()
    options = _parser().parse_args(arguments)
    _configure_logging(options)
    try:
        # Each command is a module of its own, so that the daemon does not pay for the others.
        command = import_module(f"edgecls.commands.{options.command.replace('-', '_')}")
        status: int = command.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # the last line of defence: a person gets a line, not a traceback
        if options.debug:
            raise
        words, status = _last_words(error)
        sys.stderr.write(f"edgecls {options.command}: {one_line(words)}\n")
    return status


def _last_words(error: Exception) -> tuple[str, int]:
    if isinstance(error, EdgeclsError):
        return str(error), error.exit_status
    return f"unexpected {type(error).__name__}: {error}; --debug tells more", 1


def _prepare_output() -> None:
    """UTF-8 whatever the locale, because JSON is; and no failure where nobody listens."""
    nobody = os.devnull
    sys.stdout = sys.stdout or open(nobody, "w")  # noqa: SIM115, PTH123 - for good
    sys.stderr = sys.stderr or open(nobody, "w")  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever is stderr at the moment: a live view on the terminal moves it aside."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        """The base class sets it once, to the stderr of that moment."""


def _configure_logging(options: argparse.Namespace) -> None:
    level = logging.DEBUG if options.debug else logging.INFO
    under_systemd = "JOURNAL_STREAM" in os.environ  # journald adds the time itself
    stamp = "" if under_systemd else "%(asctime)s "
    logging.basicConfig(
        level=level, format=f"{stamp}%(levelname)s %(message)s", handlers=[_StderrHandler()]
    )


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--debug", action="store_true", help="log details; tracebacks on errors")
    parser = argparse.ArgumentParser(
        prog="edgecls",
        description="A camera classifier that can be trusted: label events over MQTT.",
    )
    parser.add_argument("--version", action="version", version=f"edgecls {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        description = text[0].upper() + text[1:] + "."
        return commands.add_parser(name, help=text, description=description, parents=[shared])

    _add_run(command("run", "the daemon: classify, decide, publish"))
    _add_demo(command("demo", "the daemon on embedded defaults: no camera, no broker, no download"))
    _add_look(command("look", "what the camera sees, and what edgecls makes of it"))
    _add_check_config(command("check-config", "validate a configuration"))
    _add_classify(command("classify", "one prediction per image"))
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c", "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE",
        help=f"configuration file (default: {DEFAULT_CONFIG})",
    )  # fmt: skip


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    parser.add_argument("--frames", type=_count, metavar="N", help="end after N frames per camera")
    parser.add_argument(
        "--drain-timeout", type=_seconds, default=10.0, metavar="S",
        help="seconds to wait for the broker at the end of finite sources (default: 10)",
    )  # fmt: skip


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=_seconds, metavar="N", help="end after N seconds")
    parser.add_argument("-m", "--model", help="another model than the one that ships")


def _add_look(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    parser.add_argument("watch", nargs="?", metavar="WATCH", help="default: the only one")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="x.jpg", help="write what the model sees, and end"
    )
    parser.add_argument("--seconds", type=_seconds, metavar="N", help="end after N seconds")


def _add_check_config(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    parser.add_argument(
        "--show", action="store_true", help="print the effective configuration, secrets masked"
    )


def _add_classify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("-m", "--model", required=True, help="a name of the catalogue or a .tflite")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="label file")
    parser.add_argument("--top", type=_count, default=5, metavar="K", help="default: 5")
    parser.add_argument("--threads", type=_count, default=None, metavar="N")
    parser.add_argument("--delegate", default=ModelSettings.delegate, help="auto, cpu or edgetpu")
    parser.add_argument(
        "--resize", choices=("crop", "fit", "stretch"), default=WatchSettings.resize
    )
    parser.add_argument("--json", action="store_true", help="JSON Lines on stdout")


def _count(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if 0 <= seconds < float("inf"):
        return seconds
    raise argparse.ArgumentTypeError(f"must be a number of seconds, not {text!r}")
