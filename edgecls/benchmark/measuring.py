"""The whole measurement: each model's start, then all of them in one race."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgecls.benchmark.figures import Figures
from edgecls.benchmark.race import Raced, race
from edgecls.benchmark.start import Start, measured_start
from edgecls.benchmark.surroundings import Surroundings, doubts
from edgecls.benchmark.variant import Variant
from edgecls.domain import Pixels
from edgecls.service.processor import usable_cores
from edgecls.vision.calibration import fewest_of_the_best, in_order, measured
from edgecls.vision.engine import place
from edgecls.vision.model_file import read_model

_SIZE = (720, 1280, 3)  # what a camera gives where the configuration says nothing else


def noise() -> Pixels:
    """A picture to measure on: none of the stages asks what it shows."""
    return np.random.default_rng(0).integers(0, 256, _SIZE, np.uint8)


@dataclass(frozen=True, slots=True)
class Measured:
    """One variant."""

    variant: Variant
    start: Start
    raced: Raced
    figures: Figures


@dataclass(frozen=True, slots=True)
class Report:
    """All variants, in the order given, and the board before and after."""

    measured: tuple[Measured, ...]
    before: Surroundings
    after: Surroundings
    warnings: tuple[str, ...]  # sentences for a person


def measure(
    variants: Sequence[Variant],
    picture: Pixels,
    seconds: float,
    heat_done: Callable[[int], None] = lambda _: None,
) -> Report:
    """Measure variants on a picture, RGB uint8 (height, width, 3), about `seconds` each.

    Raises ModelError or DelegateError for one that cannot be used.
    """
    models = [read_model(each.file, each.delegate) for each in variants]
    warnings = [place(model, v.delegate).warning for model, v in zip(models, variants, strict=True)]
    starts = [measured_start(variant) for variant in variants]
    # Whatever crashes the runtime did so by now, in a process of its own.
    threads = _fastest_threads(variants)
    settled = [replace(each, threads=threads[_key(each)]) for each in variants]
    before = Surroundings.now()
    raced = race(settled, picture, seconds, heat_done)
    after = Surroundings.now()
    found = tuple(
        Measured(variant, start, each, Figures(each))
        for variant, start, each in zip(settled, starts, raced, strict=True)
    )
    told = tuple(dict.fromkeys(each for each in warnings if each is not None))
    return Report(found, before, after, told + tuple(doubts(before, after)))


_Key = tuple[Path, str, int]


def _key(variant: Variant) -> _Key:
    return variant.file.resolve(), variant.delegate, variant.threads


def _fastest_threads(variants: Sequence[Variant]) -> dict[_Key, int]:
    """How many threads each runs on; measured once for each file, or one would differ from
    itself."""
    return {_key(each): _threads(each) for each in {_key(v): v for v in variants}.values()}


def _threads(variant: Variant) -> int:
    """As many as the daemon would measure, where none are given."""
    model, cores = read_model(variant.file, variant.delegate), usable_cores()
    if variant.threads or place(model, variant.delegate).accelerated:
        return variant.threads
    candidates = in_order(cores)
    p50_ms = measured(model, candidates) if cores > 1 else {}
    return fewest_of_the_best(p50_ms, candidates)
