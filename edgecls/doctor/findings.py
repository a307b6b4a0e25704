"""What a check gives: a finding, and of a failure the remedy."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from edgecls.config import load
from edgecls.errors import ConfigError, EdgeclsError
from edgecls.settings import Config

NO_CONFIG = "there is no valid configuration"


class Result(StrEnum):
    """Whether it is well, is not, or cannot be said or need not be."""

    PASS = "pass"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one thing."""

    check: str  # of docs/commands.md
    result: Result
    found: str  # what is there, or why it was not looked at
    subject: str | None = None  # which camera, watch, model, broker or topic
    remedy: str | None = None  # one sentence, of a failure


@dataclass
class Patient:
    """The board that is examined. `root` is where its `/dev`, `/proc` and `/sys` lie."""

    file: Path  # its configuration
    root: Path = field(default_factory=lambda: Path("/"))

    @cached_property
    def config(self) -> Config | None:
        """Its configuration, or None where that is not valid."""
        try:
            return load(self.file)
        except ConfigError:
            return None


class ProbeError(EdgeclsError):
    """A child process that was to try something did not come back with an answer."""

    def __init__(self, words: str, *, kind: str = "", remedy: str | None = None) -> None:
        """`kind` is the class of the error that ended it, empty where it crashed or hung."""
        super().__init__(words)
        self.kind, self.remedy = kind, remedy


def passed(check: str, found: str, subject: str | None = None) -> Finding:
    return Finding(check, Result.PASS, found, subject)


def failed(check: str, found: str, remedy: str, subject: str | None = None) -> Finding:
    return Finding(check, Result.FAIL, found, subject, remedy)


def skipped(check: str, why: str, subject: str | None = None) -> Finding:
    return Finding(check, Result.SKIP, why, subject)
