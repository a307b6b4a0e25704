"""`edgecls teach`: a model of one's own classes, from pictures of them."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgecls import logs
from edgecls.commands.evaluate import (
    figures_as_json,
    interval,
    percent,
    rounded_interval,
    show_by_score,
    show_confusions,
    show_labels,
)
from edgecls.commands.looking import command_of, dataset_of, progress, subject_of
from edgecls.commands.tables import show
from edgecls.commands.tune import table_of, text_of
from edgecls.errors import UsageError, one_line
from edgecls.evaluation.figures import Share
from edgecls.evaluation.subject import Subject
from edgecls.teaching.alterations import alterations_for
from edgecls.teaching.base import read_base
from edgecls.teaching.cache import user_cache
from edgecls.teaching.embedding import Look
from edgecls.teaching.labels import labelled
from edgecls.teaching.lesson import Lesson, Taught, teach
from edgecls.teaching.placing import may_be_put
from edgecls.teaching.suggestion import Suggestion
from edgecls.teaching.validation import Mistake

_NAMED = 10  # mistaken pictures; --json has them all
_LINES = 12  # labels of a confusion table that fits a terminal


def run(options: argparse.Namespace) -> int:
    """Exit status 0, or 1 when a picture could not be read; the others are learned from."""
    if options.model is None and options.watch is None:
        raise UsageError("name a model to build on with --base, or a watch with --watch")
    pictures = labelled(dataset_of(options), options.data)
    named = subject_of(options)
    base = read_base(named.model, named.name)
    may_be_put(options.output, Path(named.model.file), len(base.backbone))
    alterations = alterations_for(len(pictures.files), len(pictures.labels))
    look = Look(base, named.watch.resize, alterations)
    lesson = Lesson(pictures, look, options.output)
    with progress(command_of(options), len(pictures.files)) as seen:
        taught = teach(lesson, threads=options.threads, cache=user_cache(), seen=seen)
    for suspicion in taught.suspicions:
        logs.tell(f"edgecls teach: warning: {suspicion.sentence}", level=logging.WARNING)
    unreadable = len(pictures.files) - len(taught.embedded.pictures)
    if options.json:
        told = _as_json(lesson, taught, unreadable)
        sys.stdout.write(json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n")
    else:
        _show(lesson, taught, unreadable)
        sys.stdout.write("\n".join(["", *_as_toml(lesson, taught, named, options)]) + "\n")
    return 1 if unreadable else 0


def _show(lesson: Lesson, taught: Taught, unreadable: int) -> None:
    validation = taught.validation
    sys.stdout.write(f"{_title(lesson, taught, unreadable)}\n")
    sys.stdout.writelines(f"  {one_line(sentence)}\n" for sentence in validation.sentences)
    show_labels(validation.figures.per_label)
    if len(validation.labels) > _LINES:
        show_confusions(validation.figures)
    elif validation.judged:
        _show_confusion(validation.labels, validation.confusion)
    _show_mistakes(validation.mistakes)
    show_by_score(validation.figures)


def _title(lesson: Lesson, taught: Taught, unreadable: int) -> str:
    embedded = taught.embedded
    words = f"{lesson.target}: {len(taught.pictures)} labels, {len(embedded.pictures)} pictures"
    if unreadable:
        words += f", {unreadable} more unreadable"
    if embedded.as_seen:
        words += f", {embedded.as_seen} of them as the engine saw them"
    if taught.altered:
        words += ", each also mirrored and from a little nearer"
    return words


def _show_confusion(labels: tuple[str, ...], confusion: tuple[tuple[int, ...], ...]) -> None:
    rows = [(label, *map(str, counts)) for label, counts in zip(labels, confusion, strict=True)]
    columns = ("is", *(f"said {label}" for label in labels))
    show("What is taken for what, in held-out pictures", columns, rows)


def _show_mistakes(mistakes: tuple[Mistake, ...]) -> None:
    if not mistakes:
        return
    rows = [
        (str(mistake.file), mistake.truth, mistake.said, f"{mistake.score:.2f}")
        for mistake in mistakes[:_NAMED]
    ]
    title = f"Mistakes ({len(rows)} of {len(mistakes)}, the surest first)"
    show(title, ("picture", "is", "said", "score"), rows)


def _as_toml(
    lesson: Lesson, taught: Taught, named: Subject, options: argparse.Namespace
) -> Iterator[str]:
    """A watch with the model: all of it is TOML, the words are comments."""
    file = lesson.target.absolute()
    yield from _expected(taught.validation.suggestion)
    known = named.configured and named.name == file.stem
    yield table_of(f"models.{text_of(file.stem)}", there=known)
    yield f"file = {text_of(str(file))}"
    yield ""
    watch, there = options.watch or "NAME", options.watch is not None
    if named.watch.labels is not None or named.watch.groups:
        yield "# without the labels and groups of the model that it had"
    yield table_of(f"watches.{watch}", there=there)
    yield f"model = {text_of(file.stem)}"
    yield f"resize = {text_of(lesson.look.resize)}"
    yield ""
    yield table_of(f"watches.{watch}.decision", there=there)
    yield f"min_score = {taught.validation.suggestion.min_score!r}"
    yield f"min_margin = {taught.validation.suggestion.min_margin!r}"


def _expected(suggestion: Suggestion) -> Iterator[str]:
    if not suggestion.learned:
        yield "# the usual thresholds: the pictures cannot tell better ones"
        return
    right = f"{percent(suggestion.right)} % ({interval(suggestion.right)})"
    yield f"# held out: accepted {percent(suggestion.covered)} %, of these right {right}"
    if suggestion.false_alarms is not None:
        yield f'# of the pictures of "none", accepted {percent(suggestion.false_alarms)} %'


def _as_json(lesson: Lesson, taught: Taught, unreadable: int) -> dict[str, Any]:
    validation, base = taught.validation, lesson.look.base
    suggestion = validation.suggestion
    return {
        "file": str(lesson.target),
        "sha256": taught.sha256,
        "base": {"name": base.name, "sha256": base.sha256},
        "resize": lesson.look.resize,
        "altered": taught.altered,
        "labels": taught.pictures,
        "images": len(taught.embedded.pictures),
        "unreadable": unreadable,
        "as_seen": taught.embedded.as_seen,
        "remembered": taught.embedded.remembered,
        "held_out": {
            "images": validation.judged,
            "occasions": validation.occasions,
            "accuracy": _rounded(validation.accuracy),
            "accuracy_interval": validation.interval and [round(e, 4) for e in validation.interval],
            "accuracy_by_chance": _rounded(validation.accuracy_by_chance),
            "calibration_error": round(validation.calibration_error, 4),
            "confusion": validation.confusion,
            "mistakes": [
                {"file": str(m.file), "truth": m.truth, "said": m.said, "score": round(m.score, 4)}
                for m in validation.mistakes
            ],
            **figures_as_json(validation.figures),
        },
        "suggestion": {
            "min_score": suggestion.min_score,
            "min_margin": suggestion.min_margin,
            "learned": suggestion.learned,
            **_share("coverage", suggestion.covered),
            **_share("accuracy_covered", suggestion.right),
            **_share("false_alarms", suggestion.false_alarms),
        },
        "sentences": validation.sentences,
        "warnings": [
            {
                "kind": str(each.kind),
                "labels": each.labels,
                "sentence": each.sentence,
                "files": [str(file) for file in each.files],
                **each.figures,
            }
            for each in taught.suspicions
        ],
        "regularisation": taught.fitted.regularisation,
        "temperature": taught.fitted.temperature,
        "took_s": {
            "embedding": round(taught.embedding_s, 3),
            "fitting": round(taught.fitting_s, 3),
            "writing": round(taught.writing_s, 3),
        },
    }


def _share(name: str, share: Share | None) -> dict[str, Any]:
    interval = None if share is None else rounded_interval(share)
    return {name: _rounded(share), f"{name}_interval": interval}


def _rounded(share: Share | None) -> float | None:
    return None if share is None or share.value is None else round(share.value, 4)
