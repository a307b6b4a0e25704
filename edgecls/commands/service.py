"""`edgecls service`: the systemd service, put in place, taken away, and how it stands."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import edgecls
from edgecls import logs
from edgecls.checking import check
from edgecls.config import load, naming, parse
from edgecls.errors import EdgeclsError
from edgecls.paths import CONFIG
from edgecls.service.install import (
    SERVICE,
    Step,
    System,
    installing,
    refuse_packaged,
    refuse_unreachable,
    uninstalling,
)
from edgecls.service.standing import standing


def run(options: argparse.Namespace) -> int:
    """Exit status 0; of `status`, 1 when the service does not run. Raises EdgeclsError."""
    actions = {"install": _install, "uninstall": _uninstall, "status": _status}
    return actions[options.action](options, System())


def _install(options: argparse.Namespace, system: System) -> int:
    _need_root(options)
    refuse_packaged(system)
    program = Path(sys.executable).parent / "edgecls"
    if not program.exists():
        raise EdgeclsError(f"there is no {program}; install edgecls with pip")
    refuse_unreachable([program, Path(sys.executable), Path(edgecls.__file__)])
    config = _checked(options.config)
    _take(installing(system, program, config), dry=options.dry_run)
    return 0


def _uninstall(options: argparse.Namespace, system: System) -> int:
    _need_root(options)
    refuse_packaged(system)
    _take(uninstalling(system, purge=options.purge), dry=options.dry_run)
    return 0


def _status(options: argparse.Namespace, system: System) -> int:
    unit = SERVICE if options.instance is None else f"edgecls@{options.instance}.service"
    runs, lines = standing(system, unit)
    for line in lines:
        sys.stdout.write(f"{line}\n")
    return 0 if runs else 1


def _checked(file: Path) -> str | None:
    """The text that CONFIG is to get; None where it is there. Raises ConfigError or
    ModelError."""
    there = CONFIG.exists()
    source = CONFIG if there else file
    if there and not (file.exists() and file.samefile(CONFIG)):
        logs.tell(f"{CONFIG} is there already and is kept", level=logging.INFO)
    load(source)  # says best what is wrong with the file as it stands
    text = source.read_text(encoding="utf-8-sig")
    with naming(source):
        # What is relative will lie beside it there.
        _, warnings = check(parse(text, CONFIG.parent))
    for warning in warnings:
        logs.tell(f"edgecls service: warning: {warning}", level=logging.WARNING)
    return None if there else text


def _need_root(options: argparse.Namespace) -> None:
    if os.geteuid() != 0 and not options.dry_run:
        again = f"sudo {Path(sys.executable).parent / 'edgecls'} service {options.action}"
        raise EdgeclsError(f"needs root; run it again with: {again}")


def _take(steps: Iterable[Step], *, dry: bool) -> None:
    nothing = True
    for step in steps:
        nothing = False
        logs.tell(("would " if dry else "") + step.sentence, level=logging.INFO)
        if not dry:
            step.take()
    if nothing:
        logs.tell("nothing to do", level=logging.INFO)
