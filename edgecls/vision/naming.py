"""What the classes of a model are called: who says so, and in which order they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgecls.catalogue import labels_beside, labels_of_folder
from edgecls.vision.label_map import fitted, numbered, plain_lines, read_names
from edgecls.vision.model_file import ModelFile


def labels_of(model: ModelFile, given: str | Path | Sequence[str] | None) -> tuple[str, ...]:
    """One label for each class of the model; a single output may have the name of its "yes".

    `given`: the names, or the path of a label file; without it, its own. Raises ModelError.
    """
    if isinstance(given, (str, Path)):
        names, where = read_names(Path(given), model.classes), f"{given}"
    elif given is not None:
        names, where = list(given), "the list of labels"
    elif (own := own_names(model)) is not None:
        names, where = own
    else:
        return numbered(model.classes)
    if model.outputs == 1 and len(names) == 1:
        names = [f"not {names[0]}", names[0]]
    return fitted(names, model.classes, model.name, where)


def own_names(model: ModelFile) -> tuple[list[str], str] | None:
    """What a model's classes are called, and where that is said; None where it came without.

    Raises ModelError for a label file that cannot be read.
    """
    if model.metadata.labels is not None:
        return plain_lines(model.metadata.labels), f"{model.path}: the label file inside"
    if (beside := labels_beside(model.path)).is_file():
        return read_names(beside, model.classes), f"{beside}"
    if model.packed is not None:
        found = model.packed.names(model.classes)
        return found and (found[0], f"{model.path}: {found[1]} in it")
    if (common := labels_of_folder(model.path)) is not None:
        return read_names(common, model.classes), f"{common}"
    return None
