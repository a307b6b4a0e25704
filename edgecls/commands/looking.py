"""What `evaluate`, `tune` and `teach` share: the model, the pictures, and the progress bar."""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from edgecls import logs
from edgecls.dataset import Dataset, read_dataset
from edgecls.domain import Scores
from edgecls.errors import EdgeclsError, PictureError, one_line
from edgecls.evaluation.looking import examine_all
from edgecls.evaluation.subject import Examined, Subject, subject
from edgecls.vision.provenance import Origin

T = TypeVar("T")


def subject_of(options: argparse.Namespace) -> Subject:
    """What the command line names: a model, or a watch of a configuration."""
    config = options.config or (options.default_config if options.watch else None)
    named = subject(options.model, config=config, watch=options.watch)
    model, watch = named.model, named.watch
    if options.labels is not None:
        model = replace(model, labels_file=str(options.labels))
    if options.resize is not None:
        watch = replace(watch, resize=options.resize)
    return replace(named, model=model, watch=watch)


def dataset_of(options: argparse.Namespace) -> Dataset:
    """What the command line names; tells what was left out. Raises UsageError."""
    dataset = read_dataset(options.data)
    for warning in dataset.warnings:
        logs.tell(f"{command_of(options)}: warning: {warning}", level=logging.WARNING)
    return dataset


def command_of(options: argparse.Namespace) -> str:
    """What was called, as messages begin: `edgecls models recommend`."""
    return " ".join(filter(None, ("edgecls", options.command, getattr(options, "action", None))))


def look(
    options: argparse.Namespace,
    examined: Examined,
    dataset: Dataset,
    examine: Callable[[int, Scores], T],
) -> tuple[list[T], int]:
    """What `examine` says of the truth and the scores of each picture, and how many are unreadable.

    Raises UsageError for a dataset that does not suit the model, EdgeclsError for one of which
    nothing can be read.
    """
    for warning in examined.reading.warnings:
        logs.tell(f"{command_of(options)}: warning: {warning}", level=logging.WARNING)
    if (origin := examined.origin) is not None:
        said = one_line(f"{options.data}: if {_learned_from(examined, origin)}")
        logs.tell(f"{command_of(options)}: warning: {said}", level=logging.WARNING)
    examples = dataset.examples
    examined.truths(examples)  # before a progress bar is drawn
    with progress(command_of(options), len(examples)) as seen:
        found = examine_all(examined, examples, examine, threads=options.threads, seen=seen)
    answers = [each for each in found if each is not None]
    if not answers:
        raise EdgeclsError(f"{options.data}: none of its {len(examples)} pictures can be read")
    return answers, len(examples) - len(answers)


def _learned_from(examined: Examined, origin: Origin) -> str:
    count = sum(origin.pictures.values())
    words = (
        f"these are among the {count} pictures that {examined.reading.model.path.name} was taught "
        f"from on {origin.taught_at[:10]}, the figures mean nothing"
    )
    if origin.right is None:
        return words
    return f"{words}: of pictures that it had not learned, teach found {origin.right} right"


def taught_as_json(examined: Examined) -> dict[str, Any] | None:
    """Where the model comes from, as `models info` says it; None where it was not taught."""
    origin = examined.origin
    return None if origin is None else asdict(origin)


Seen = Callable[[Path, PictureError | None], None]


@contextmanager
def progress(command: str, pictures: int) -> Iterator[Seen]:
    """Names what cannot be read, and draws a bar where stderr is a terminal."""
    turn = threading.Lock()

    def told(_: Path, error: PictureError | None) -> None:
        if error is not None:
            with turn:
                logs.tell(f"{command}: {error}")

    if not sys.stderr.isatty():
        yield told
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=pictures)

        def drawn(file: Path, error: PictureError | None) -> None:
            told(file, error)
            bar.advance(task)

        yield drawn
