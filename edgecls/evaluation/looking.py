"""Looks at every picture of a dataset through a model, on all cores."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from edgecls.dataset import Example
from edgecls.domain import Scores
from edgecls.errors import PictureError
from edgecls.evaluation.subject import Examined
from edgecls.pictures import read_picture
from edgecls.pixels import ArrayImage, View, prepare
from edgecls.settings import ModelSettings
from edgecls.vision.engine import Engine
from edgecls.vision.eye import Eye

T = TypeVar("T")
Work = Callable[[int, Path], None]
"""What is done with a picture, by its number and its file; it may raise PictureError."""


def _unnoticed(_: Path, error: PictureError | None) -> None:
    """Nobody wants to know."""


def look_at_all(
    files: Sequence[Path],
    model: ModelSettings,
    resize: str,
    examine: Callable[[int, Scores], T],
    *,
    threads: int | None = None,
    seen: Callable[[Path, PictureError | None], None] = _unnoticed,
) -> list[T | None]:
    """What `examine` says of each picture, by number and scores; None where it cannot be read.

    `threads`: so many pictures at a time, each by an engine of one thread; default: one for each
    core, and one in all for an accelerator. `examine` and `seen` are called from those threads;
    `seen` after each picture, with what is wrong with it. Raises ModelError.
    """
    prepare()
    results: list[T | None] = [None] * len(files)

    def looking(eye: Eye) -> Work:
        def look(index: int, file: Path) -> None:
            # Read here as well: the decoders let go of Python's lock, as the model does.
            image = ArrayImage(read_picture(file))
            results[index] = examine(index, eye.look_at(image).scores)

        return look

    with ExitStack() as stack:
        eyes = [_eye(stack.enter_context(e), resize) for e in _engines(model, threads, len(files))]
        share_out(files, [looking(eye) for eye in eyes], seen=seen)
    return results


def share_out(
    files: Sequence[Path],
    workers: Sequence[Work],
    *,
    seen: Callable[[Path, PictureError | None], None] = _unnoticed,
) -> None:
    """Give each file to one of the workers; each of them has a thread of its own.

    `seen` is called from those threads after each file, with what is wrong with it. Ends early
    with what else a worker raises, or when it is interrupted.
    """
    waiting = iter(enumerate(files))
    turn = threading.Lock()
    stopped = threading.Event()

    def run(work: Work) -> None:
        while not stopped.is_set():
            with turn:
                index, file = next(waiting, (-1, Path()))
            if index < 0:
                return
            try:
                work(index, file)
            except PictureError as error:
                seen(file, error)
            else:
                seen(file, None)

    with ExitStack() as stack:
        # Reading pictures silences Pillow's warnings; done by many threads, that would not end
        # as it began.
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        pool = stack.enter_context(ThreadPoolExecutor(len(workers), "looking"))
        stack.callback(stopped.set)  # before the pool waits for its threads
        running = [pool.submit(run, each) for each in workers]
        for worker in wait(running, None, FIRST_EXCEPTION).done:
            worker.result()


def examine_all(
    examined: Examined,
    examples: Sequence[Example],
    examine: Callable[[int, Scores], T],
    *,
    threads: int | None = None,
    seen: Callable[[Path, PictureError | None], None] = _unnoticed,
) -> list[T | None]:
    """The same of a dataset, with the truth of each picture (a position in `Judge.names`) in place
    of its number. Raises UsageError where the dataset does not suit the model."""
    truths = examined.truths(examples)
    return look_at_all(
        [example.file for example in examples],
        examined.model,
        examined.settings.resize,
        lambda index, scores: examine(truths[examples[index].label], scores),
        threads=threads,
        seen=seen,
    )


def _engines(model: ModelSettings, threads: int | None, pictures: int) -> list[Engine]:
    first = _engine(model)
    if first.delegate != "cpu":
        return [first]
    count = min(threads or len(os.sched_getaffinity(0)), pictures)
    return [first, *(_engine(model) for _ in range(count - 1))]


def _engine(model: ModelSettings) -> Engine:
    return Engine(
        model.file,
        labels=model.labels_file,
        threads=1,
        activation=model.activation,
        temperature=model.temperature,
        mean=model.mean,
        std=model.std,
        delegate=model.delegate,
    )


def _eye(engine: Engine, resize: str) -> Eye:
    return Eye(engine, View(engine.width, engine.height, resize=resize))
