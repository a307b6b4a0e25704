"""`edgecls models info`: what a model file is, and where it can run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from edgecls import logs
from edgecls.catalogue import Entry, archived_entry, entry_of, find_model
from edgecls.errors import EdgeclsError, ModelError, one_line
from edgecls.vision.delegates import LIBRARY, edge_tpus, libraries
from edgecls.vision.graph import Tensor
from edgecls.vision.inspection import Inspection, inspect
from edgecls.vision.provenance import Origin
from edgecls.vision.runtime import runtime


def run(options: argparse.Namespace) -> int:
    """Exit status 0. A model that cannot be told of stops none of the others: exit status 1.

    Raises ModelError where it is the only one.
    """
    failed = False
    for model in options.models:
        try:
            seen = inspect(find_model(model, Path.cwd()))
        except ModelError as error:
            if len(options.models) == 1:
                raise
            failed = True
            logs.tell(f"edgecls models info: {error}")
            continue
        entry = entry_of(seen.sha256) or archived_entry(seen.path.stem)
        if options.json:
            facts = _as_json(seen, entry)
            line = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
            sys.stdout.write(f"{line}\n")
        else:
            lines = [
                f"{topic:<12}{one_line(words)}".rstrip() for topic, words in _told(seen, entry)
            ]
            sys.stdout.write("\n".join(lines) + "\n")
    return 1 if failed else 0


def _told(seen: Inspection, entry: Entry | None) -> Iterator[tuple[str, str]]:
    yield "file", str(seen.path) + (f", {seen.packed} in it" if seen.packed else "")
    yield "size", f"{seen.size} bytes, sha256 {seen.sha256}"
    yield "input", _tensor(seen.input)
    yield "output", f"{_tensor(seen.output)}, {seen.ending}, {seen.classes} classes"
    yield "labels", _labels(seen)
    yield "metadata", _metadata(seen)
    if seen.origin is not None:
        yield "taught", _origin(seen.origin)
    yield "operators", ", ".join(f"{count} {name}" for name, count in seen.operators.items())
    if not seen.accelerated:
        yield "work", f"{seen.macs / 1e6:.1f} million multiply-accumulates"
        yield "parameters", f"{seen.parameters / 1e6:.2f} million"
    yield "runs on", seen.runs_on
    yield "here", _here(seen)
    if entry is not None:
        yield "catalogue", _entry(entry)
    for warning in seen.warnings:
        yield "warning", warning


def _tensor(tensor: Tensor) -> str:
    shape = "x".join(map(str, tensor.shape))
    words = f"{tensor.name!r}, {tensor.dtype} {shape}"
    if tensor.scale:
        zero_point = tensor.zero_point[0] if tensor.zero_point else 0
        words += f", scale {tensor.scale[0]:g}, zero point {zero_point}"
    return words


def _here(seen: Inspection) -> str:
    """What of this machine would run it."""
    try:
        found = runtime()
    except EdgeclsError as error:
        return str(error)
    if not seen.accelerated:
        return f"{found}, on the CPU"
    tpus = ", ".join(str(tpu.device) for tpu in edge_tpus()) or "no Edge TPU"
    library = ", ".join(map(str, libraries())) or f"no {LIBRARY}"
    return f"{found}, {library}, {tpus}"


def _labels(seen: Inspection) -> str:
    if not seen.labels:
        return "none"
    return f"{len(seen.labels)}, from {seen.labels[0]!r} to {seen.labels[-1]!r}"


def _metadata(seen: Inspection) -> str:
    found = seen.metadata
    parts = []
    if found.mean:
        known = f" ({found.known})" if found.known else ""
        parts.append(f"mean {list(found.mean)}, std {list(found.std)}{known}")
    if found.min_score is not None:
        parts.append(f"min_score {found.min_score:g}")
    if found.labels is not None:
        parts.append("a label file")
    return ", ".join(parts) or "none"


def _origin(origin: Origin) -> str:
    count, labels = sum(origin.pictures.values()), len(origin.pictures)
    words = (
        f"{origin.taught_at}, on {origin.parent} (sha256 {origin.parent_sha256}), "
        f"from {count} pictures of {labels} labels"
    )
    return words if origin.right is None else f"{words}, of which {origin.right} held out right"


def _entry(entry: Entry) -> str:
    words = [entry.name, f"licence {entry.licence}"]
    if entry.figures is not None:
        top5 = "" if entry.top5 is None else f", top-5 {entry.top5} %"
        words.append(f"top-1 {entry.top1} %{top5} ({entry.figures})")
    if entry.edge_tpu is not None:
        words.append(f"for the Edge TPU: {entry.edge_tpu}")
    if entry.cpu is not None:
        words.append(f"for the CPU: {entry.cpu}")
    if entry.note is not None:
        words.append(entry.note)
    return "; ".join(words)


def _as_json(seen: Inspection, entry: Entry | None) -> dict[str, object]:
    on_cpu = not seen.accelerated
    return {
        "file": str(seen.path),
        "packed": seen.packed,
        "bytes": seen.size,
        "sha256": seen.sha256,
        "input": _tensor_json(seen.input),
        "output": _tensor_json(seen.output),
        "ending": seen.ending,
        "classes": seen.classes,
        "here": _here(seen),
        "labels": {"count": len(seen.labels), "first": seen.labels[0], "last": seen.labels[-1]}
        if seen.labels
        else None,
        "metadata": {
            "mean": seen.metadata.mean,
            "std": seen.metadata.std,
            "known": seen.metadata.known,
            "min_score": seen.metadata.min_score,
            "labels": seen.metadata.labels is not None,
        },
        "taught": seen.origin and asdict(seen.origin),
        "operators": dict(seen.operators),
        "macs": seen.macs if on_cpu else None,
        "parameters": seen.parameters if on_cpu else None,
        "runs_on": "cpu" if on_cpu else "edgetpu",
        "accelerated": seen.accelerated,
        "warnings": seen.warnings,
        "catalogue": entry and entry.name,
        "licence": entry and entry.licence,
    }


def _tensor_json(tensor: Tensor) -> dict[str, object]:
    return {
        "name": tensor.name,
        "shape": tensor.shape,
        "dtype": tensor.dtype,
        "scale": tensor.scale[0] if tensor.scale else None,
        "zero_point": tensor.zero_point[0] if tensor.zero_point else None,
    }
