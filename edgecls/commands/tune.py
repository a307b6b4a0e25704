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
from edgecls.commands.looking import dataset_of, look, subject_of, taught_as_json
from edgecls.commands.pasting import key_of, table, text_of, watch_name
from edgecls.errors import EdgeclsError
from edgecls.evaluation.figures import Share
from edgecls.evaluation.subject import Examined, Subject
from edgecls.evaluation.tuning import Setting, Tuned, lowest_score, sighting, tune


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
    judge, min_margin = examined.judge, examined.settings.decision.min_margin
    found = tune(
        seen,
        options.precision,
        sure=options.sure,
        present=Setting(1.0, round(judge.least_score, 6), min_margin),
        lowest=lowest_score(len(judge.names)),
    )
    if found is None:
        raise EdgeclsError(f"{options.data}: {len(seen)} pictures are too few to say anything")
    if options.json:
        line = json.dumps(_as_json(found, examined, unreadable), separators=(",", ":"))
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


def _as_json(found: Tuned, examined: Examined, unreadable: int) -> dict[str, object]:
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
        "taught": taught_as_json(examined),
    }


def _rounded(share: Share) -> float | None:
    return None if share.value is None else round(share.value, 4)


def _sorry(found: Tuned, options: argparse.Namespace) -> str:
    reached = f"{percent(found.held_out_right)} % ({interval(found.held_out_right)})"
    if not options.sure and (found.held_out_right.value or 0) >= options.precision:
        return (
            f"{found.covered.whole} pictures are too few to show a precision of "
            f"{100 * options.precision:g} %, though of the accepted ones {reached} are right"
        )
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
    watch, there = options.watch or watch_name(named.name), options.watch is not None
    keys = (f"model = {text_of(named.name)}", f"resize = {text_of(named.watch.resize)}")
    yield from table(f"watches.{watch}", keys, there=there)
    yield ""
    setting = found.setting
    keys = (f"min_score = {setting.min_score!r}", f"min_margin = {setting.min_margin!r}")
    yield from table(f"watches.{watch}.decision", keys, there=there)


def _model(found: Tuned, named: Subject) -> Iterator[str]:
    """The section of the model: all of it, or what is new to the one that there is."""
    keys = []
    if not named.configured:
        asked, labels = named.watch.model, named.model.labels_file
        file = str(Path(named.model.file).absolute()) if is_path(asked) else asked
        keys.append(f"file = {text_of(file)}")
        if labels is not None:
            keys.append(f"labels_file = {text_of(str(Path(labels).absolute()))}")
    keys.append(f"temperature = {found.setting.temperature!r}")
    yield from table(f"models.{key_of(named.name)}", keys, there=named.configured)
    yield ""
