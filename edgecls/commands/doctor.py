"""`edgecls doctor`: tests each thing that the service needs, and says how to mend what fails."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from edgecls.commands.service_state import look_where_the_service_does
from edgecls.doctor.examination import examine
from edgecls.doctor.findings import Finding, Patient, Result
from edgecls.errors import one_line
from edgecls.redaction import spoken

if TYPE_CHECKING:
    from rich.table import Table

_CHECK_CELLS = 19
_COLOURS = {Result.PASS: "green", Result.FAIL: "bold red", Result.SKIP: "yellow"}


def run(options: argparse.Namespace) -> int:
    """Exit status 0, or 1 when something fails."""
    look_where_the_service_does(options.config)
    findings = examine(Patient(options.config))
    if not options.json and sys.stdout.isatty():
        return _show(findings)
    healthy = True
    for finding in findings:
        sys.stdout.write((_as_json if options.json else _as_text)(finding) + "\n")
        sys.stdout.flush()
        healthy = healthy and finding.result is not Result.FAIL
    return 0 if healthy else 1


def _as_json(finding: Finding) -> str:
    facts = {key: value and spoken(value) for key, value in asdict(finding).items()}
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))


def _as_text(finding: Finding) -> str:
    about = f" ({finding.subject})" if finding.subject else ""
    remedy = f"; remedy: {finding.remedy}" if finding.remedy else ""
    words = f"{finding.result.upper()} {finding.check}{about}: {finding.found}{remedy}"
    return one_line(spoken(words))


def _show(findings: Iterable[Finding]) -> int:
    """A table that grows as the checks end, and below each failure what is to be done."""
    from rich.console import Console

    console = Console(highlight=False)
    results = []
    with console.status("examining; cameras take some seconds"):
        for finding in findings:
            console.print(_row(finding))
            results.append(finding.result)
    failures = results.count(Result.FAIL)
    console.print(f"{len(results)} findings, {failures} of them failures")
    return 1 if failures else 0


def _row(finding: Finding) -> Table:
    """`Text` throughout: what stands in it is not taken for markup."""
    from rich.table import Table
    from rich.text import Text

    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(width=4)
    row.add_column(width=_CHECK_CELLS)
    row.add_column(ratio=1, overflow="fold")
    about = f"{finding.subject}: " if finding.subject else ""
    found = Text.assemble((one_line(spoken(about)), "cyan"), one_line(spoken(finding.found)))
    result = Text(finding.result.upper(), _COLOURS[finding.result])
    row.add_row(result, Text(finding.check), found)
    if finding.remedy is not None:
        row.add_row("", "", Text(f"-> {one_line(finding.remedy)}", "bold"))
    return row
