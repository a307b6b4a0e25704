"""`edgecls models list`: what is installed, and what the catalogue has."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgecls.catalogue import Entry, entries, installed
from edgecls.commands.tables import show
from edgecls.device import state_dir
from edgecls.errors import ConfigError, ModelError
from edgecls.paths import SERVICE_STATE
from edgecls.service.processor import machine_name
from edgecls.settings import DeviceSettings
from edgecls.vision.calibration import remembered_p50_ms
from edgecls.vision.model_file import ModelFile, read_model

_TIMES = "threads.json"  # of the daemon's state


@dataclass(frozen=True, slots=True)
class Row:
    """A model that is installed, in the catalogue, or both."""

    name: str
    entry: Entry | None = None
    path: Path | None = None
    file: ModelFile | None = None
    latency_ms: float | None = None  # p50 of an invoke, as the daemon measured it here
    error: str | None = None  # why the installed file is of no use

    @property
    def as_published(self) -> bool | None:
        """Whether the installed bytes are those of the catalogue, where that can be told."""
        if self.file is None or self.entry is None or self.entry.file.archived:
            return None
        return self.file.sha256 == self.entry.file.sha256


def run(options: argparse.Namespace) -> int:
    """Exit status 0."""
    rows = list(_rows())
    if options.json:
        for row in rows:
            line = json.dumps(_as_json(row), ensure_ascii=False, separators=(",", ":"))
            sys.stdout.write(f"{line}\n")
        return 0
    sources = _sources(rows)
    _table("installed", "in", [row for row in rows if row.path], sources)
    sys.stdout.write("\n")
    _table("to be pulled", "", [row for row in rows if not row.path], sources)
    notes = [
        "top-1, top-5: as published, in %: " + "; ".join(f"({i}) {s}" for s, i in sources.items()),
        "ms: an invoke here, median, as `edgecls run` measured it; bench and recommend keep none",
        "by hand: no lasting address is known; `edgecls models pull` says what to do",
    ]
    sys.stdout.write("\n" + "\n".join(notes) + "\n")
    return 0


def _rows() -> Iterator[Row]:
    here, times = installed(), _times()
    for name, path in sorted(here.items()):
        try:
            file = read_model(path)
        except ModelError as error:
            yield Row(name, entries().get(name), path, error=str(error))
        else:
            yield Row(name, entries().get(name), path, file, times.get(file.sha256))
    for name, entry in entries().items():
        if name not in here:
            yield Row(name, entry, latency_ms=times.get(entry.file.sha256))


def _times() -> dict[str, float]:
    machine = machine_name()
    services = remembered_p50_ms(machine, SERVICE_STATE / _TIMES)
    try:
        own = state_dir(DeviceSettings(), Path.cwd())
    except ConfigError:  # a user without a home
        return services
    return remembered_p50_ms(machine, own / _TIMES) | services


def _sources(rows: Iterable[Row]) -> dict[str, int]:
    """Whose figures there are, numbered for the notes below the tables."""
    found = dict.fromkeys(row.entry.figures for row in rows if row.entry and row.entry.figures)
    return {source: number for number, source in enumerate(found, 1)}


def _table(title: str, place: str, rows: Iterable[Row], sources: dict[str, int]) -> None:
    columns = ("model", "input", "MB", "top-1", "top-5", "ms", place)
    show(title, columns, [_cells(row, sources) for row in rows])


def _cells(row: Row, sources: dict[str, int]) -> list[str]:
    entry = row.entry
    top1 = top5 = "-"
    if entry is not None and entry.figures is not None:
        top1 = f"{entry.top1} ({sources[entry.figures]})"
        top5 = _figure(entry.top5, 1)
    place = str(row.path.parent) if row.path else ""
    if row.as_published is False:
        place += " (other bytes than published)"
    if entry is not None and entry.file.address is None and not row.path:
        place = "by hand"
    return [row.name, _input(row), _figure(_size_mb(row), 1), top1, top5,
            _figure(row.latency_ms, 2), place]  # fmt: skip


def _input(row: Row) -> str:
    if row.error is not None:
        return "unusable"
    if row.file is None:
        return row.entry.input if row.entry else "-"
    file = row.file
    return f"{file.width}x{file.height}x{file.channels} {file.input.dtype}"


def _size_mb(row: Row) -> float | None:
    if row.path is not None:
        return row.path.stat().st_size / 1e6
    return row.entry.size_mb if row.entry else None


def _figure(number: float | None, digits: int) -> str:
    return "-" if number is None else f"{number:.{digits}f}"


def _as_json(row: Row) -> dict[str, object]:
    entry = row.entry
    published = {} if entry is None else {
        "top1": entry.top1, "top5": entry.top5, "figures": entry.figures,
        "licence": entry.licence, "edge_tpu": entry.edge_tpu, "cpu": entry.cpu,
        "address": entry.file.address, "page": entry.file.page, "note": entry.note,
    }  # fmt: skip
    return {
        "name": row.name,
        "installed": row.path and str(row.path),
        "catalogue": entry is not None,
        "as_published": row.as_published,
        "input": _input(row),
        "mb": _size_mb(row),
        "latency_ms": row.latency_ms,
        "error": row.error,
        **published,
    }
