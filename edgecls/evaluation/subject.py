"""What is evaluated: a model with the settings of a watch, and what its labels mean there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from edgecls.builds import model_settings
from edgecls.catalogue import find_model
from edgecls.config import load, naming
from edgecls.dataset import Example
from edgecls.decision.groups import Grouping
from edgecls.decision.judge import Judge
from edgecls.decision.patterns import matching
from edgecls.errors import ConfigError, UsageError
from edgecls.settings import Config, ModelSettings, WatchSettings
from edgecls.vision.engine import Reading, read
from edgecls.vision.label_map import numbered
from edgecls.vision.provenance import read_provenance

_NAMED = 5  # so many unknown labels can be read in an error message
_UNNAMED = (
    "; the model has no labels of its own: name them with --labels FILE, or use numbers such as #3"
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A model and the watch that it is for; `name` is what the configuration calls the model."""

    name: str
    model: ModelSettings  # its paths are absolute
    watch: WatchSettings
    configured: bool = False  # there is a [models.NAME] for it
    named: frozenset[str] = frozenset()  # all that the configuration has [models.NAME] for


def subject(model: str | None, *, config: Path | None = None, watch: str | None = None) -> Subject:
    """The model called so, or the one of a watch; then also its groups, labels and decision.

    Raises UsageError where neither or an unknown watch is named, ConfigError, ModelError.
    """
    loaded = Config(base=Path.cwd()) if config is None else load(config)
    if watch is not None:
        if watch not in loaded.watches:
            known = ", ".join(loaded.watches) or "none"
            raise UsageError(f"{config}: has no watch {watch!r} (there is: {known})")
        settings = loaded.watches[watch]
        settings = settings if model is None else replace(settings, model=model)
    elif model is not None:
        settings = WatchSettings(model=model)
    else:
        raise UsageError("name a model with -m, or a watch with --watch")
    names = frozenset(loaded.models)
    if settings.model not in names:
        base = loaded.base if model is None else Path.cwd()
        file = find_model(settings.model, base)
        return Subject(file.stem, ModelSettings(file=str(file)), settings, named=names)
    with naming(config or Path()):
        model_of = model_settings(loaded, settings.model)
    return Subject(settings.model, model_of, settings, configured=True, named=names)


class Examined:
    """A subject with its model read: its judge, and which category each picture belongs to."""

    def __init__(self, subject: Subject) -> None:
        """Raises ModelError; or ConfigError for groups and labels that the model does not have."""
        model = subject.model
        self.reading: Reading = read(
            model.file,
            labels=model.labels_file,
            activation=model.activation,
            temperature=model.temperature,
            mean=model.mean,
            std=model.std,
            delegate=model.delegate,
        )
        self.model = model
        self.origin = read_provenance(self.reading.model.content)  # of a taught model
        decision = subject.watch.decision.advised(self.reading.model.metadata.min_score)
        self.settings = replace(subject.watch, decision=decision)
        self.judge = Judge(self.reading.labels, self.settings, sigmoid=self.reading.sigmoid)

    def truths(self, examples: Iterable[Example]) -> dict[str, int]:
        """Where the category of each label of the dataset stands in `Judge.names`.

        A member of a group belongs to the group. Raises UsageError that names the labels which
        the model does not have, or has twice, or that contradict the number beside them.
        """
        labels = self.reading.labels
        grouping = Grouping(labels, self.settings.groups, sigmoid=self.reading.sigmoid)
        unnamed = labels == numbered(len(labels))
        found: dict[str, int] = {}
        wrong: dict[str, str] = {}
        agreed: set[tuple[str, tuple[str, ...]]] = set()
        for example in examples:
            text = example.label
            line = "" if example.line is None else f"line {example.line}: "
            try:
                if text not in found and text not in wrong:
                    found[text] = _category(text, labels, grouping)
                if text in found and (text, example.also) not in agreed and not unnamed:
                    _agree(example, labels, grouping)
                    agreed.add((text, example.also))
            except ConfigError as error:
                wrong.setdefault(text, f"{line}{error}")
        if wrong:
            more = len(wrong) - _NAMED
            rest = f"; and {more} labels more" if more > 0 else ""
            rest += _UNNAMED if unnamed else ""
            told = "; ".join(list(wrong.values())[:_NAMED])
            raise UsageError(f"the data does not suit the model: {told}{rest}")
        return found


def _agree(example: Example, labels: tuple[str, ...], grouping: Grouping) -> None:
    """Raise UsageError where the table says two things of a picture."""
    for also in example.also:
        index = matching(example.label, labels, "")[0]
        if also.startswith("#") or also in grouping.position_of_group:
            same = _category(also, labels, grouping) == grouping.category_of(index)
        else:
            # Other files of labels have fewer of the names of a class: "tench" is "tench, Tinca".
            same = bool(_names(also) & _names(labels[index]))
        if not same:
            raise UsageError(
                f"the data does not suit the model: line {example.line}: {example.label} is "
                f'"{labels[index]}" there, and beside it stands "{also}"; take away the column '
                "that does not number its classes"
            )


def _names(label: str) -> set[str]:
    return {name.strip().casefold() for name in label.split(",")}


def _category(text: str, labels: tuple[str, ...], grouping: Grouping) -> int:
    if text in grouping.position_of_group:
        return grouping.position_of_group[text]
    classes = matching(text, labels, "")
    categories = {grouping.category_of(index) for index in classes}
    if len(categories) > 1:
        numbers = " or ".join(f"#{index}" for index in classes[:_NAMED])
        raise ConfigError(f'"{text}" is more than one class; write {numbers}')
    return categories.pop()
