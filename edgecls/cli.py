"""The command line: calls a command, and turns every failure into one line and an exit status."""

from __future__ import annotations

import argparse
import errno
import io
import logging
import os
import sys
from importlib import import_module

from edgecls import early, logs
from edgecls.arguments import parser
from edgecls.errors import EdgeclsError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status of CONTRACT: 0, 1, 2, 75 or 78."""
    _prepare_output()
    options = parser().parse_args(arguments)
    _configure_logging(options)
    try:
        # Each command is a module of its own, so that the daemon does not pay for the others.
        command = import_module(f"edgecls.commands.{options.command.replace('-', '_')}")
        status: int = command.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = early.status([options.command])
        if status:
            logs.tell(f"{_called(options)}: stopped before it was done")
        return status
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # the last line of defence: a person gets a line, not a traceback
        if options.debug and not logs.for_programs(options.log_format, os.environ):
            raise
        if _is_full(error):
            # What is left would be written once more at exit, and fail with other words.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        words, status = _last_words(error)
        told = error if options.debug else None
        logs.tell(f"{_called(options)}: {words}", error=told)
    return status


def _called(options: argparse.Namespace) -> str:
    """`edgecls models pull`: what messages begin with."""
    return " ".join(filter(None, ("edgecls", options.command, getattr(options, "action", None))))


def _last_words(error: Exception) -> tuple[str, int]:
    if isinstance(error, EdgeclsError):
        return str(error), error.exit_status
    if _is_full(error):
        return "standard output cannot be written to: no space is left on its disk", 1
    return f"unexpected {type(error).__name__}: {error}; --debug tells more", 1


def _is_full(error: Exception) -> bool:
    """Whether standard output leads to a full disk: other files have names."""
    return isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None


def _prepare_output() -> None:
    """UTF-8 whatever the locale, because JSON is; and no failure where nobody listens."""
    nobody = os.devnull
    sys.stdout = sys.stdout or open(nobody, "w")  # noqa: SIM115, PTH123 - for good
    sys.stderr = sys.stderr or open(nobody, "w")  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _configure_logging(options: argparse.Namespace) -> None:
    level = logging.DEBUG if options.debug else logging.INFO
    logs.configure(level, options.log_format, os.environ)
