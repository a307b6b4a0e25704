"""`edgecls tune`: the settings that reach a wanted precision, as TOML to paste."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edgecls import logs
from edgecls.catalogue import is_path
from edgecls.commands.evaluate import interval, percent
from edgecls.commands.looking import dataset_of, look, subject_of
from edgecls.errors import EdgeclsError
from edgecls.evaluation.figures import Share
from edgecls.evaluation.subject import Examined, Subject
from edgecls.evaluation.tuning import Tuned, sighting, tune


def run(options: argparse.Namespace) -> int:
    """Exit status 0, or 1 when the precision is not reached or a picture could not be read."""
    named = subject_of(options)
    if named.watch.decision.min_score_by_label:
        logs.tell(
            "edgecls tune: warning: min_score_by_label is left aside; it does not suit the result",
            level=logging.WARNING,
        )
    decision = replace(named.watch.decision, min_score_by_label={})
    model = replace(named.model, temperature=1.0)
    examined = Examined(replace(named, model=model, watch=replace(named.watch, decision=decision)))
    seen, unreadable = look(
        options,
        examined,
        dataset_of(options),
        sighting(examined.judge, examined.reading.decoder),
    )
    found = tune(seen, options.precision, sure=options.sure)
    if found is None:
        raise EdgeclsError(f"{options.data}: {len(seen)} pictures are too few to say anything")
    if options.json:
        line = json.dumps(_as_json(found, unreadable), separators=(",", ":"))
        sys.stdout.write(line + "\n")
    else:
        sys.stdout.write("\n".join(_as_toml(found, named, options)) + "\n")
    leave_score = named.watch.decision.leave_score
    if leave_score is not None and leave_score > found.setting.min_score:
        logs.tell(
            f"edgecls tune: warning: leave_score {leave_score:g} is above this min_score, which "
            "check-config refuses: lower it or leave it out",
            level=logging.WARNING,
        )
    if not found.reached:
        logs.tell(f"edgecls tune: {_sorry(found, options)}")
    return 1 if unreadable or not found.reached else 0


def _as_json(found: Tuned, unreadable: int) -> dict[str, object]:
    return {
        "reached": found.reached,
        "temperature": found.setting.temperature,
        "min_score": found.setting.min_score,
        "min_margin": found.setting.min_margin,
        "images": found.covered.whole,
        "coverage": _rounded(found.covered),
        "accuracy_covered": _rounded(found.right),
        "held_out": {
            "coverage": _rounded(found.held_out_covered),
            "accuracy_covered": _rounded(found.held_out_right),
            "accuracy_covered_interval": found.held_out_right.interval
            and [round(bound, 4) for bound in found.held_out_right.interval],
        },
        "hindsight_coverage": found.hindsight and _rounded(found.hindsight),
        "unreadable": unreadable,
    }


def _rounded(share: Share) -> float | None:
    return None if share.value is None else round(share.value, 4)


def _sorry(found: Tuned, options: argparse.Namespace) -> str:
    reached = f"{percent(found.held_out_right)} % ({interval(found.held_out_right)})"
    return (
        f"a precision of {100 * options.precision:g} %{' for sure' if options.sure else ''} cannot "
        f"be reached with these pictures; the best is {reached} of the "
        f"{percent(found.held_out_covered)} % accepted"
    )


def _as_toml(found: Tuned, named: Subject, options: argparse.Namespace) -> Iterator[str]:
    """All of it is TOML: the words are comments."""
    wanted = f"wanted is {100 * options.precision:g} % right"
    yield f"# {found.covered.whole} pictures, {wanted}{'' if found.reached else ': not reached'}"
    yield f"# accepted {percent(found.covered)} %, of these right {percent(found.right)} %"
    yield (
        f"# tuned without the pictures it is judged by: accepted {percent(found.held_out_covered)} "
        f"%, right {percent(found.held_out_right)} % ({interval(found.held_out_right)})"
    )
    if found.hindsight is not None:
        yield f"# in hindsight, {percent(found.hindsight)} % could have been accepted"
    yield from _model(found, named)
    watch, there = options.watch or "NAME", options.watch is not None
    yield table_of(f"watches.{watch}", there=there)
    yield f"model = {text_of(named.name)}"
    yield f"resize = {text_of(named.watch.resize)}"
    yield ""
    yield table_of(f"watches.{watch}.decision", there=there)
    yield f"min_score = {found.setting.min_score!r}"
    yield f"min_margin = {found.setting.min_margin!r}"


def _model(found: Tuned, named: Subject) -> Iterator[str]:
    """The section of the model: all of it, or what is new to the one that there is."""
    yield table_of(f"models.{text_of(named.name)}", there=named.configured)
    if not named.configured:
        asked, labels = named.watch.model, named.model.labels_file
        file = str(Path(named.model.file).absolute()) if is_path(asked) else asked
        yield f"file = {text_of(file)}"
        if labels is not None:
            yield f"labels_file = {text_of(str(Path(labels).absolute()))}"
    yield f"temperature = {found.setting.temperature!r}"
    yield ""


def table_of(name: str, *, there: bool) -> str:
    """The head of a table; TOML allows none twice, so that of one that is there is a comment."""
    return f"# in [{name}], in place of the keys of these names:" if there else f"[{name}]"


def text_of(text: str) -> str:
    """A string of TOML, which is written as JSON writes it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
