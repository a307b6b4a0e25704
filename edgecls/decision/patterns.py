"""Which classes of a model the user means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from edgecls.errors import ConfigError

_NUMBERS = re.compile(r"#([0-9]{1,9})(?:-([0-9]{1,9}))?")
_LISTED = 12  # so many labels can be read in an error message


def matching(pattern: str, labels: Sequence[str], place: str) -> tuple[int, ...]:
    """The classes that `pattern` names, ascending: every class of that exact label, else a number
    (`#518`), a range with both ends (`#152-269`), or a wildcard in which each `*` stands for any
    text.

    An exact label always wins, so labels that hold a `#` or `*` themselves can be named. Upper and
    lower case differ. Raises ConfigError, which begins with `place`, when nothing matches.
    """
    exact = tuple(index for index, label in enumerate(labels) if label == pattern)
    if exact:
        return exact
    if numbers := _NUMBERS.fullmatch(pattern):
        first = int(numbers[1])
        last = int(numbers[2] or first)
        if last < first:
            raise ConfigError(f'{place}"{pattern}" runs backwards; write "#{last}-{first}"')
        if last >= len(labels):
            raise ConfigError(
                f'{place}"{pattern}" is not in the model: its classes are #0 to #{len(labels) - 1}'
            )
        return tuple(range(first, last + 1))
    if "*" in pattern:
        wildcard = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
        found = tuple(index for index, label in enumerate(labels) if wildcard.fullmatch(label))
        if found:
            return found
    raise ConfigError(
        f'{place}no class of the model matches "{pattern}"{meant(pattern.strip("*"), labels)}'
    )


def meant(text: str, known: Iterable[str]) -> str:
    """The end of an error message: what was probably meant, or the few things there are."""
    names = list(dict.fromkeys(known))
    folded = text.casefold()
    near = [name for name in names if name.casefold() == folded]
    near = near or difflib.get_close_matches(text, names, 1, 0.6)
    if near:
        return f'; did you mean "{near[0]}"?'
    if len(names) <= _LISTED:
        return "; there is: " + ", ".join(f'"{name}"' for name in names)
    return ""
