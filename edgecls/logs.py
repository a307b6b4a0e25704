"""How log lines look: on a terminal, in the journal, as JSON. One line per fact, and no login."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from edgecls.errors import one_line
from edgecls.redaction import spoken

FORMATS = ("text", "json")

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG_PRIORITY = 7
_FOR_PEOPLE = {"for_people": True}

log = logging.getLogger("edgecls")


def configure(level: int, log_format: str, environment: Mapping[str, str]) -> None:
    """Log to stderr, in one of FORMATS, and with priorities where stderr is the journal."""
    as_json = log_format == "json"
    handler = _StderrHandler()
    handler.setFormatter(_Json() if as_json else _Text(tracebacks=level <= logging.DEBUG))
    if is_journal(environment):
        handler.setFormatter(_Journal(_Json() if as_json else _Message()))
    logging.basicConfig(level=level, handlers=[handler])


def tell(words: str, *, level: int = logging.ERROR, error: Exception | None = None) -> None:
    """Say something to whoever has called a command: on a terminal nothing but the words."""
    log.log(level, "%s", words, extra=_FOR_PEOPLE, exc_info=error)


def for_programs(log_format: str, environment: Mapping[str, str]) -> bool:
    """Whether a program reads what we log, so that even a traceback must be one line."""
    return log_format == "json" or is_journal(environment)


def is_journal(environment: Mapping[str, str]) -> bool:
    """Whether stderr is the journal's: systemd says in JOURNAL_STREAM which file that is.

    The variable alone says nothing: programs started from a service inherit it.
    """
    try:
        stderr = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # ValueError: it is no file
        return False
    return environment.get("JOURNAL_STREAM") == f"{stderr.st_dev}:{stderr.st_ino}"


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever is stderr at the moment: a live view on the terminal moves it aside."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        """The base class sets it once, to the stderr of that moment."""


class _Message(logging.Formatter):
    """The message alone; of an exception, its last line."""

    def format(self, record: logging.LogRecord) -> str:
        words = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            words += f": {record.exc_info[0].__name__}: {record.exc_info[1]}"
        return one_line(spoken(words))


class _Text(_Message):
    """With time and level, as people read it; a line for people is the words alone."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        words = super().format(record)
        if record.exc_info and self._tracebacks:
            words += "\n" + spoken(self.formatException(record.exc_info))
        if getattr(record, "for_people", False):
            return words
        return f"{self.formatTime(record)} {record.levelname} {words}"


class _Json(logging.Formatter):
    """One object per line."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "ts": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": spoken(record.getMessage()),
        }
        if record.exc_info:
            line["exc"] = spoken(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


class _Journal(logging.Formatter):
    """Another format, with the priority in front that journald takes off again."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return f"<{_priority(record.levelno)}>{self._inner.format(record)}"


def _priority(level: int) -> int:
    """What syslog calls this level."""
    return next((number for least, number in _PRIORITIES if level >= least), _DEBUG_PRIORITY)
