"""What is wrong with the pictures, as far as they show it themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from pathlib import Path

import numpy as np

from edgecls.decision.groups import NOTHING, Grouping
from edgecls.likeness import alike, may_be_alike, outlines
from edgecls.teaching.light import lights
from edgecls.teaching.occasions import originals
from edgecls.teaching.sample import Numbers, Picture

_FEW = 10  # different pictures of a label
_MANY_ALIKE = 0.2  # of the pictures of a label
_FEW_OCCASIONS = 4
_PER_OCCASION = 3  # pictures, on the average, from which their number deceives
_UNBALANCED = 5  # times as many
_MISSPELT = 0.88  # likeness of words: `nonee` and `none1` are above it, `one` is not
_NAMED = 3  # so many files or pairs can be read
_LABELS = 6  # so many labels can


class Kind(StrEnum):
    """What is suspected."""

    FEW = "few"  # too few different pictures of a label
    ALIKE = "alike"  # nearly identical pictures of a label
    SAME_SCENE = "same_scene"  # nearly identical pictures of two labels
    NEIGHBOURS = "neighbours"  # many pictures, few occasions
    LIGHT = "light"  # the light alone tells two labels apart
    UNBALANCED = "unbalanced"
    MISSPELT = "misspelt"  # nearly `none`
    GUESSING = "guessing"  # too few pictures to tell the result from it
    USELESS = "useless"  # what was learned is no better, or never passes


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One sentence for people, with its figures for programs."""

    kind: Kind
    labels: tuple[str, ...]
    sentence: str
    figures: dict[str, float]
    files: tuple[Path, ...] = ()  # examples, those of one scene side by side


def suspicions(
    pictures: Sequence[Picture], labels: Sequence[str], occasions: Numbers
) -> list[Suspicion]:
    """What should be mended before the model is trusted; nothing where the pictures are good.

    `occasions` as `occasions.occasions` gives them.
    """
    album = _Album(pictures, labels, occasions)
    found = [s for place in range(len(labels)) for s in _of_label(album, place)]
    found += _few(album)
    found += _same_scene(album)
    found += _light(album)
    found += _unbalanced(album)
    found += _misspelt(album)
    return found


class _Album:
    """The pictures by label."""

    def __init__(
        self, pictures: Sequence[Picture], labels: Sequence[str], occasions: Numbers
    ) -> None:
        truths = np.array([picture.label for picture in pictures], np.intp)
        self.pictures = pictures
        self.labels = labels
        self.members = [np.flatnonzero(truths == place) for place in range(len(labels))]
        self.firsts = [originals(pictures, members) for members in self.members]
        self.occasions = [len(np.unique(occasions[members])) for members in self.members]
        grouping = Grouping(labels, {})
        self.nothing = [
            grouping.category_of(place) == grouping.nothing for place in range(len(labels))
        ]


def _of_label(album: _Album, place: int) -> Iterator[Suspicion]:
    label, count = album.labels[place], len(album.members[place])
    different = len(np.unique(album.firsts[place]))
    occasions = album.occasions[place]
    if count and count - different >= max(2.0, _MANY_ALIKE * count):
        copies = album.members[place][album.firsts[place] != album.members[place]]
        files = tuple(album.pictures[number].file for number in copies[:_NAMED].tolist())
        yield Suspicion(
            Kind.ALIKE,
            (label,),
            f"of {count} pictures of {label!r} only {different} are different; the others teach "
            f"nothing (such as {files[0]})",
            {"pictures": count, "different": different},
            files,
        )
    if occasions <= _FEW_OCCASIONS and different >= _PER_OCCASION * occasions:
        yield Suspicion(
            Kind.NEIGHBOURS,
            (label,),
            f"the {count} pictures of {label!r} were taken on {occasions} "
            f"occasion{'s' * (occasions != 1)}, one shortly after the other: they tell less than "
            "their number; take some at other times and in other weather",
            {"pictures": count, "occasions": occasions},
        )


def _few(album: _Album) -> Iterator[Suspicion]:
    found = zip(album.labels, album.firsts, strict=True)
    few = {label: firsts for label, firsts in found if len(np.unique(firsts)) < _FEW}
    if few:
        told = [f"{_told(firsts)} of {label!r}" for label, firsts in few.items()]
        counts = ", ".join(told[:_LABELS])
        if len(told) > _LABELS:
            counts += f" and as few of {len(told) - _LABELS} labels more"
        yield Suspicion(
            Kind.FEW,
            tuple(few),
            f"there are few pictures ({counts}): the model is a first try; 20 of each label, taken "
            "at different times, make a better one",
            {label: float(len(np.unique(firsts))) for label, firsts in few.items()},
        )


def _told(firsts: Numbers) -> str:
    """How many pictures, and how many different ones where they are fewer."""
    different = len(np.unique(firsts))
    all_differ = different == len(firsts)
    return f"{different}" if all_differ else f"{different} different ones of the {len(firsts)}"


def _same_scene(album: _Album) -> Iterator[Suspicion]:
    for (first, second), pairs in sorted(_twins(album).items()):
        labels = (album.labels[first], album.labels[second])
        files = tuple(file for pair in pairs[:_NAMED] for file in pair)
        more = f" (and {len(pairs) - 1} pairs more)" if len(pairs) > 1 else ""
        yield Suspicion(
            Kind.SAME_SCENE,
            labels,
            f"{files[0]} of {labels[0]!r} and {files[1]} of {labels[1]!r} show the same{more}: "
            "one of them is in the wrong folder, or the difference is too small to be seen",
            {"pairs": len(pairs)},
            files,
        )


def _twins(album: _Album) -> dict[tuple[int, int], list[tuple[Path, Path]]]:
    """Nearly identical pictures of two labels, by the positions of the labels."""
    found: dict[tuple[int, int], list[tuple[Path, Path]]] = {}
    pictures = [
        album.pictures[number] for firsts in album.firsts for number in np.unique(firsts).tolist()
    ]
    likenesses = np.array([picture.likeness for picture in pictures])
    labels = np.array([picture.label for picture in pictures])
    outlined = outlines(likenesses)
    for number, other in enumerate(pictures):
        before = outlined[: np.searchsorted(labels, other.label)]
        near = np.flatnonzero(may_be_alike(outlined[number], before))
        for place in near[alike(other.likeness, likenesses[near])].tolist():
            one = pictures[place]
            found.setdefault((one.label, other.label), []).append((one.file, other.file))
    return found


def _light(album: _Album) -> Iterator[Suspicion]:
    by_label = [
        np.array([album.pictures[number].likeness for number in members.tolist()])
        for members in album.members
    ]
    found = lights(by_label)
    for light in found[:_NAMED]:
        more, less = album.labels[light.more], album.labels[light.less]
        yield Suspicion(
            Kind.LIGHT,
            (more, less),
            f"pictures of {more!r} are {light.what} than those of {less!r} (in "
            f"{int(100 * light.pairs)} of 100 pairs): unless the thing itself makes them so, the "
            "model may learn the light; take some of each in the light of the other",
            {"pairs": light.pairs, "difference": light.difference, "suspected": len(found)},
        )


def _unbalanced(album: _Album) -> Iterator[Suspicion]:
    """That nothing is there is the usual case: there may be many pictures of it."""
    counts = [len(members) for members in album.members]
    shown = [place for place, nothing in enumerate(album.nothing) if not nothing] or [0]
    most = max(shown, key=lambda place: counts[place])
    least = min(range(len(counts)), key=lambda place: counts[place])
    if counts[most] >= _UNBALANCED * counts[least]:
        labels = (album.labels[most], album.labels[least])
        yield Suspicion(
            Kind.UNBALANCED,
            labels,
            f"there are {counts[most]} pictures of {labels[0]!r} and {counts[least]} of "
            f"{labels[1]!r}: each label counts the same, so the few decide as much as the many; "
            f"take more of {labels[1]!r}",
            {"most": counts[most], "least": counts[least]},
        )


def _misspelt(album: _Album) -> Iterator[Suspicion]:
    """A label that was to mean that nothing is there, and begins a state like any other."""
    for label in () if any(album.nothing) else album.labels:
        alike_by = SequenceMatcher(None, label.casefold(), NOTHING).ratio()
        if alike_by >= _MISSPELT:
            yield Suspicion(
                Kind.MISSPELT,
                (label,),
                f"{label!r} is a label like any other; only {NOTHING!r} means that nothing is "
                "there: if that was meant, rename its folder",
                {"likeness": alike_by},
            )
