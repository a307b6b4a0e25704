"""`edgecls teach`: a model of one's own classes, from pictures of them."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

from edgecls import logs
from edgecls.commands.evaluate import (
    figures_as_json,
    rounded_interval,
    show_by_score,
    show_confusions,
    show_labels,
)
from edgecls.commands.looking import command_of, dataset_of, progress, subject_of
from edgecls.commands.pasting import taught_as_toml
from edgecls.commands.tables import show
from edgecls.errors import ConfigError, EdgeclsError, ModelError, UsageError, one_line
from edgecls.evaluation.figures import Share
from edgecls.evaluation.subject import Subject
from edgecls.teaching.alterations import alterations_for
from edgecls.teaching.base import read_base
from edgecls.teaching.cache import user_cache
from edgecls.teaching.embedding import Look
from edgecls.teaching.first_run import first_run
from edgecls.teaching.labels import labelled
from edgecls.teaching.lesson import Lesson, Taught, teach
from edgecls.teaching.placing import may_be_put
from edgecls.teaching.validation import Mistake, Validation
from edgecls.vision.model_file import read_extractor
from edgecls.vision.provenance import read_provenance

_NAMED = 10  # mistaken pictures; --json has them all
_STOPPED = "stopped: nothing was written; what was looked at is remembered"
_LINES = 12  # labels of a confusion table that fits a terminal


def run(options: argparse.Namespace) -> int:
    """Exit status 0, or 1 when a picture could not be read; the others are learned from."""
    if options.model is None and options.watch is None:
        raise UsageError("name a model to build on with --base, or a watch with --watch")
    pictures = labelled(dataset_of(options), options.data)
    watched = subject_of(options)
    named = _to_build_on(watched, options)
    base = read_base(named.model, named.name)
    may_be_put(options.output, Path(named.model.file), len(base.backbone))
    first_run(base, named.model, user_cache())
    alterations = alterations_for(len(pictures.files), len(pictures.labels))
    look = Look(base, named.watch.resize, alterations)
    lesson = Lesson(pictures, look, options.output)
    with progress(command_of(options), len(pictures.files)) as seen:
        try:
            taught = teach(lesson, threads=options.threads, cache=user_cache(), seen=seen)
        except KeyboardInterrupt as error:
            raise EdgeclsError(_STOPPED) from error
    for suspicion in taught.suspicions:
        logs.tell(f"edgecls teach: warning: {suspicion.sentence}", level=logging.WARNING)
    unreadable = len(pictures.files) - len(taught.embedded.pictures)
    if options.json:
        told = _as_json(lesson, taught, unreadable)
        sys.stdout.write(json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n")
    else:
        _show(lesson, taught, unreadable)
        sys.stdout.write(
            "\n".join(["", *taught_as_toml(lesson, taught, watched, options.watch)]) + "\n"
        )
    return 1 if unreadable or taught.is_useless else 0


def _to_build_on(named: Subject, options: argparse.Namespace) -> Subject:
    """What is named; in place of a watch's model that was taught, what that was taught on."""
    if options.model is not None:
        return named
    model = read_extractor(Path(named.model.file), named.model.delegate)
    origin = read_provenance(model.content)
    if origin is None:
        return named
    try:
        parent = subject_of(argparse.Namespace(**vars(options) | {"model": origin.parent}))
        found = read_extractor(Path(parent.model.file), parent.model.delegate).sha256
    except (ConfigError, ModelError):
        found = None
    if found == origin.parent_sha256:
        told = f"the base is {origin.parent}, on which {named.name} was taught"
        logs.tell(f"edgecls teach: {one_line(told)}", level=logging.INFO)
        return parent
    told = (
        f"the base is {named.name}, which was taught itself; better name what it was taught on: "
        f"--base {origin.parent} (sha256 {origin.parent_sha256}), which is not found by its name"
    )
    logs.tell(f"edgecls teach: warning: {one_line(told)}", level=logging.WARNING)
    return named


def _show(lesson: Lesson, taught: Taught, unreadable: int) -> None:
    validation = taught.validation
    sys.stdout.write(f"{one_line(_title(lesson, taught, unreadable))}\n")
    sys.stdout.writelines(f"  {one_line(sentence)}\n" for sentence in validation.sentences)
    show_labels(validation.figures.per_label)
    if len(validation.labels) > _LINES:
        show_confusions(validation.figures)
    elif validation.judged:
        _show_confusion(validation.labels, validation.confusion)
    _show_mistakes(validation.mistakes)
    show_by_score(validation.figures, _of_what(validation), validation.counted)


def _of_what(validation: Validation) -> str:
    """Why the table by thresholds may have other figures than the sentence about them."""
    found, words = validation.suggestion, ", of all held-out pictures"
    if found.false_alarms is not None:
        words += ", those of nothing too"
    same = any(
        at.right == found.right
        for at in validation.figures.curve
        if (at.min_score, at.min_margin) == (found.min_score, found.min_margin)
    )
    if not same:
        words += " (above, none had a part in choosing what judges it)"
    return words


def _title(lesson: Lesson, taught: Taught, unreadable: int) -> str:
    embedded = taught.embedded
    words = f"{lesson.target}: {len(taught.pictures)} labels, {len(embedded.pictures)} pictures"
    words += f", on {lesson.look.base.name}"
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


def _as_json(lesson: Lesson, taught: Taught, unreadable: int) -> dict[str, Any]:
    base = lesson.look.base
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
        "held_out": _held_out(taught.validation),
        "suggestion": _suggestion(taught.validation),
        "sentences": taught.validation.sentences,
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


def _held_out(validation: Validation) -> dict[str, Any]:
    return {
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
        **figures_as_json(validation.figures, validation.counted),
    }


def _suggestion(validation: Validation) -> dict[str, Any]:
    suggestion = validation.suggestion
    return {
        "min_score": suggestion.min_score,
        "min_margin": suggestion.min_margin,
        "learned": suggestion.learned,
        **_share(validation, "coverage", suggestion.covered),
        **_share(validation, "accuracy_covered", suggestion.right),
        **_share(validation, "false_alarms", suggestion.false_alarms),
    }


def _share(validation: Validation, name: str, share: Share | None) -> dict[str, Any]:
    interval = None if share is None else rounded_interval(validation.counted(share))
    return {name: _rounded(share), f"{name}_interval": interval}


def _rounded(share: Share | None) -> float | None:
    return None if share is None or share.value is None else round(share.value, 4)
