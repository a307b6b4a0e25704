"""`edgecls classify`: one prediction per image, for people or as JSON Lines."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from edgecls import logs
from edgecls.api import Classifier
from edgecls.catalogue import find_model
from edgecls.domain import Category, Classification
from edgecls.errors import PictureError, one_line


def run(options: argparse.Namespace) -> int:
    """Exit status 0, or 1 when an image could not be read; the others are still classified."""
    model = find_model(options.model, Path.cwd())
    threads = {} if options.threads is None else {"threads": options.threads}
    unreadable = False
    with Classifier(
        model,
        labels=options.labels,
        resize=options.resize,
        delegate=options.delegate,
        **threads,
    ) as classifier:
        for image in options.images:
            try:
                result = classifier.classify(image, options.top)
            except PictureError as error:
                unreadable = True
                if options.json:
                    _print_json({"file": str(image), "error": str(error)})
                else:
                    logs.tell(f"edgecls classify: {error}")
                continue
            if options.json:
                _print_json({"file": str(image), **_as_json(result)})
            else:
                sys.stdout.write(_as_text(image, result))
    return 1 if unreadable else 0


def _as_json(result: Classification) -> dict[str, object]:
    return {
        "top": [
            {"index": c.index, "label": c.label, "score": round(c.score, 4)} for c in result.top
        ],
        "verdict": result.verdict,
        "reason": result.reason,
        "latency_ms": {
            "preprocess": round(result.preprocess_ms, 3),
            "inference": round(result.inference_ms, 3),
        },
    }


def _print_json(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def _as_text(image: Path, result: Classification) -> str:
    verdict = f"{result.verdict}" + (f" ({result.reason})" if result.reason else "")
    lines = [f"{one_line(str(image))}: {verdict}, {result.inference_ms:.1f} ms"]
    lines += [f"  {c.score:6.1%}  {c.label}{_number(c)}" for c in result.top]
    return "\n".join(lines) + "\n"


def _number(category: Category) -> str:
    return "" if category.index is None else f"  (#{category.index})"
