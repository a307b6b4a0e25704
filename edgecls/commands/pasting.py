"""TOML that a person pastes into a configuration: what `tune` and `teach` print."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from edgecls.catalogue import SYSTEM_MODELS
from edgecls.commands.evaluate import interval, percent
from edgecls.config import RESERVED_WATCH_NAMES
from edgecls.decision.groups import Grouping
from edgecls.evaluation.subject import Subject
from edgecls.service.install import hidden
from edgecls.teaching.lesson import Lesson, Taught
from edgecls.teaching.validation import Validation

_LONGEST = 40  # characters of a watch's name


def table(name: str, keys: Iterable[str], *, there: bool) -> Iterator[str]:
    """A table of TOML, which allows none twice: of one that is there, all is a comment."""
    yield f"# in [{name}], in place of the keys of these names:" if there else f"[{name}]"
    yield from (f"# {key}" if there else key for key in keys)


def watch_name(model: str) -> str:
    """A name that a watch of this model can have."""
    name = re.sub(r"[^a-z0-9_-]+", "_", model.lower()).strip("_")[:_LONGEST] or "camera"
    return f"{name[: _LONGEST - 1]}_" if name in RESERVED_WATCH_NAMES else name


def text_of(text: str) -> str:
    """A string of TOML, which is written as JSON writes it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def key_of(name: str) -> str:
    """A key of TOML: as it stands where that may be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else text_of(name)


def taught_as_toml(
    lesson: Lesson, taught: Taught, watched: Subject, watch: str | None
) -> Iterator[str]:
    """A watch with the model: all of it is TOML, the words are comments. `watched` had another."""
    file = lesson.target.absolute()
    yield from _expected(taught.validation)
    name = file.stem
    if watched.configured and file.samefile(watched.model.file):
        name = watched.name
    if folder := hidden(file):
        yield f"# the service sees nothing in {folder}: for it, put the file into {SYSTEM_MODELS}"
    keys = [f"file = {text_of(str(file))}"]
    yield from table(f"models.{key_of(name)}", keys, there=name in watched.named)
    yield ""
    watch, there = watch or watch_name(name), watch is not None
    if not there:
        yield "# a new watch; --watch NAME prints what changes of one that is there"
    if watched.watch.groups:
        yield "# without the groups of the model that it had"
    keys = [f"model = {text_of(name)}", f"resize = {text_of(lesson.look.resize)}"]
    keys.append(f"labels = [{', '.join(map(text_of, _of_something(taught.validation.labels)))}]")
    yield from table(f"watches.{watch}", keys, there=there)
    yield ""
    suggestion = taught.validation.suggestion
    keys = [f"min_score = {suggestion.min_score!r}", f"min_margin = {suggestion.min_margin!r}"]
    yield from table(f"watches.{watch}.decision", keys, there=there)


def _of_something(labels: Sequence[str]) -> list[str]:
    """Those that get topics and entities of Home Assistant: all but what means nothing."""
    grouping = Grouping(labels, {})
    categories = map(grouping.category_of, range(len(labels)))
    return [
        label
        for label, category in zip(labels, categories, strict=True)
        if category != grouping.nothing
    ]


def _expected(validation: Validation) -> Iterator[str]:
    suggestion = validation.suggestion
    if not suggestion.learned:
        yield "# the usual thresholds: the pictures cannot tell better ones"
        return
    right = f"{percent(suggestion.right)} % ({interval(validation.counted(suggestion.right))})"
    yield f"# held out: accepted {percent(suggestion.covered)} %, of these right {right}"
    if suggestion.false_alarms is not None:
        yield f'# of the pictures of "none", accepted {percent(suggestion.false_alarms)} %'
