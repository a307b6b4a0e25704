"""Boards to examine: a configuration in a folder, and what one room of the doctor finds there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgecls.doctor.findings import Finding, Patient, Result

SCENE = """
[device]
id = "porch-pi"
state_dir = "state"
[cameras.porch]
source = "demo:"
[watches.porch]
model = "camera_health_v1"
labels = ["dark", "covered"]
"""

_NOBODY = 65534

PASS, FAIL, SKIP = Result.PASS, Result.FAIL, Result.SKIP


def patient(folder: Path, text: str = SCENE) -> Patient:
    """A board with this configuration; `/dev`, `/proc` and `/sys` lie in `folder` as well."""
    file = folder / "edgecls.toml"
    file.write_text(text)
    return Patient(file, folder)


def results(findings: Iterator[Finding]) -> dict[str, Result]:
    """Result by check, or by `check subject` where there is one."""
    return {_key(finding): finding.result for finding in findings}


def failures(findings: Iterator[Finding]) -> dict[str, Finding]:
    """The failures by check; every one of them has a remedy of one sentence."""
    failed = [each for each in findings if each.result is FAIL]
    assert all(each.remedy and "\n" not in each.remedy for each in failed)
    return {each.check: each for each in failed}


def only(findings: Iterator[Finding], check: str) -> Finding:
    """The one finding of a check."""
    (finding,) = [each for each in findings if each.check == check]
    return finding


def _key(finding: Finding) -> str:
    return finding.check if finding.subject is None else f"{finding.check} {finding.subject}"


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """What root asks meanwhile, it asks as a user who owns nothing, and who may enter `folder`."""
    for each in (folder, *folder.parents):
        if each.stat().st_mode & stat.S_IXOTH == 0:
            each.chmod(0o711)
    before = os.geteuid()
    if before == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)
