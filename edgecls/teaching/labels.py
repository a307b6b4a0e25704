"""The labels of a dataset as the classes of a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecls.collecting.labels import clash
from edgecls.dataset import Dataset, Example
from edgecls.decision.groups import Grouping
from edgecls.errors import UsageError
from edgecls.vision.label_map import MAX_LABEL, clean

FEWEST = 2  # pictures of a label: one to learn from and one to be judged by


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pictures and the positions of their labels."""

    files: tuple[Path, ...]
    classes: tuple[int, ...]
    labels: tuple[str, ...]  # in alphabetical order


def labelled(dataset: Dataset, data: Path) -> Labelled:
    """The pictures by labels that a model can have. Raises UsageError, which begins with `data`."""
    texts = [_text(example, data) for example in dataset.examples]
    labels = tuple(sorted(set(texts)))
    for label in labels:
        _check(label, data)
    check_together(labels, data)
    if dataset.empty:
        raise UsageError(
            f"{data}: no pictures in the folder {dataset.empty[0]!r}; put some there, or remove it"
        )
    counts = Counter(texts)
    _check_enough(labels, data)
    for label, count in counts.items():
        if count < FEWEST:
            raise UsageError(
                f"{data}: has a single picture of {label!r}; wanted are {FEWEST} at least, "
                "and 5 to be of any use"
            )
    files = tuple(example.file for example in dataset.examples)
    return Labelled(files, tuple(labels.index(text) for text in texts), labels)


def _text(example: Example, data: Path) -> str:
    """What a table says in words, where it numbers the class as well: numbers are of one model."""
    if example.line is None or not example.label.startswith("#"):
        return example.label
    if example.also:
        return example.also[0]
    if example.label[1:].isdecimal():
        raise UsageError(
            f"{data}: numbers the classes of another model; name them in a column label"
        )
    return example.label


def _check(label: str, data: Path) -> None:
    """A label stands in topics, settings and a file of one line for each: as it is, or not."""
    cleaned = clean(label)
    if cleaned != label:
        what = "is too long" if len(label) > MAX_LABEL else "has control characters or outer blanks"
        mended = f"call it {cleaned!r}" if cleaned else "give it another name"
        raise UsageError(f"{data}: the label {label!r} {what}; {mended}")


def _check_enough(labels: Sequence[str], data: Path) -> None:
    """Two at least, and one of them not of those that a watch takes for nothing."""
    grouping = Grouping(labels, {})
    if len(grouping.names) > 1:
        return
    if grouping.nothing is not None:
        raise UsageError(
            f"{data}: all pictures have labels that mean that nothing is there "
            f"({', '.join(labels)}); wanted is at least one label of something"
        )
    raise UsageError(
        f"{data}: all pictures have the label {labels[0]!r}; wanted are two labels at least, "
        'such as one more called "none", with pictures of the place without it'
    )


def check_together(labels: Iterable[str], data: Path) -> None:
    """Labels that a person takes for one are one, written in two ways. Raises UsageError, which
    begins with `data`."""
    if (why := clash(labels)) is not None:
        raise UsageError(f"{data}: {why}")
