"""`edgecls evaluate`: how often a model is right on labelled pictures, and what the rule buys."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from edgecls.commands.looking import dataset_of, look, subject_of, taught_as_json
from edgecls.commands.tables import show
from edgecls.evaluation.answers import answering
from edgecls.evaluation.figures import AtThresholds, Figures, LabelFigures, Share, figures
from edgecls.evaluation.plot import can_plot, plot
from edgecls.evaluation.subject import Examined

_MOST = 15  # rows of a table; --json has them all
_WIDE = 32  # characters of a label


def run(options: argparse.Namespace) -> int:
    """Exit status 0, or 1 when a picture could not be read; the others are still evaluated."""
    if options.plot is not None:
        can_plot(options.plot)
    named = subject_of(options)
    given = {"min_score": options.min_score, "min_margin": options.min_margin}
    decision = replace(named.watch.decision, **{k: v for k, v in given.items() if v is not None})
    model = named.model
    if options.temperature is not None:
        model = replace(model, temperature=options.temperature)
    examined = Examined(replace(named, model=model, watch=replace(named.watch, decision=decision)))
    answers, unreadable = look(options, examined, dataset_of(options), answering(examined.judge))
    found = figures(answers, examined.judge, decision.min_margin)
    if options.json:
        line = json.dumps(
            _as_json(found, examined, unreadable), ensure_ascii=False, separators=(",", ":")
        )
        sys.stdout.write(line + "\n")
    else:
        _show(found, unreadable)
    if options.plot is not None:
        plot(found, options.plot)
    return 1 if unreadable else 0


def _as_json(found: Figures, examined: Examined, unreadable: int) -> dict[str, Any]:
    taught = taught_as_json(examined)
    return {**figures_as_json(found), "unreadable": unreadable, "taught": taught}


def as_they_are(share: Share) -> Share:
    """Every picture counts."""
    return share


def figures_as_json(
    found: Figures, counted: Callable[[Share], Share] = as_they_are
) -> dict[str, Any]:
    """All that pictures say of a model, for programs. `counted`: of which share an interval is."""
    return {
        "images": found.images,
        "top1": _rounded(found.top1.value),
        "top5": _rounded(found.top5.value),
        "coverage": _rounded(found.now.covered.value),
        "accuracy_covered": _rounded(found.now.right.value),
        "curve": [
            {
                "min_score": at.min_score,
                "min_margin": at.min_margin,
                "coverage": _rounded(at.covered.value),
                "accuracy": _rounded(at.right.value),
            }
            for at in found.curve
        ],
        "per_label": {
            label: {
                "images": each.images,
                "precision": _rounded(each.precision.value),
                "recall": _rounded(each.recall.value),
            }
            for label, each in found.per_label.items()
        },
        "confusions": [
            {"truth": c.truth, "said": c.said, "images": c.images, "accepted": c.accepted}
            for c in found.confusions
        ],
        "top1_interval": rounded_interval(counted(found.top1)),
        "top5_interval": rounded_interval(counted(found.top5)),
        "accuracy_covered_interval": rounded_interval(counted(found.now.right)),
        "min_score": found.now.min_score,
        "min_margin": found.now.min_margin,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def rounded_interval(share: Share) -> list[float] | None:
    """Where it lies with 95 % confidence, as a fraction."""
    return None if share.interval is None else [round(bound, 4) for bound in share.interval]


def _show(found: Figures, unreadable: int) -> None:
    title = f"{found.images} pictures" + (f", {unreadable} more unreadable" if unreadable else "")
    now = found.now
    rule = f"with min_score {now.min_score:g}, min_margin {now.min_margin:g}"
    rows = [
        ("top-1", found.top1),
        ("top-5", found.top5),
        (f"accepted {rule}", now.covered),
        ("of these, right", now.right),
    ]
    shares = [(name, percent(share), interval(share), f"{share.part}") for name, share in rows]
    show(title, ("", "%", "95 % interval", "pictures"), shares)
    show_by_score(found)
    _show_by_margin(found)
    show_labels(found.per_label)
    show_confusions(found)


def show_by_score(
    found: Figures, of: str = "", counted: Callable[[Share], Share] = as_they_are
) -> None:
    """What the rule lets through at the margin in force, and how much of that is right."""
    margin = found.now.min_margin
    by_score = [at for at in found.curve if at.min_margin == margin]
    rows = [at for at in by_score if at.covered.part][::2]
    if not rows:
        return
    show(
        f"At min_margin {margin:g}{of}",
        ("min_score", "accepted %", "of these, right %", "95 % interval"),
        [(f"{at.min_score:g}", *_covered(at, counted)) for at in rows],
    )


def _show_by_margin(found: Figures) -> None:
    by_margin = [at for at in found.curve if at.min_score == 0 and at.covered.part]
    if not by_margin:
        return
    show(
        "At min_score 0",
        ("min_margin", "accepted %", "of these, right %", "95 % interval"),
        [(f"{at.min_margin:g}", *_covered(at)) for at in by_margin],
    )


def _covered(
    at: AtThresholds, counted: Callable[[Share], Share] = as_they_are
) -> tuple[str, str, str]:
    return percent(at.covered), percent(at.right), interval(counted(at.right))


def show_labels(per_label: dict[str, LabelFigures]) -> None:
    """Recall and precision of the labels with the most mistakes."""

    def mistakes(each: LabelFigures) -> int:
        said_wrongly = each.precision.whole - each.precision.part
        return said_wrongly + each.recall.whole - each.recall.part

    worst = sorted(per_label.items(), key=lambda item: (-mistakes(item[1]), item[0]))
    title = f"Labels ({_of(worst)} with the most mistakes)"
    rows = [
        (_short(label), f"{each.images}", percent(each.recall), percent(each.precision))
        for label, each in worst[:_MOST]
    ]
    show(title, ("label", "pictures", "recall %", "precision %"), rows)


def show_confusions(found: Figures) -> None:
    """Which labels are taken for which, the worst pairs first; nothing where none is."""
    if not found.confusions:
        return
    rows = [
        (
            f"{_short(pair.truth)} taken for {_short(pair.said)}",
            f"{pair.images}",
            f"{pair.accepted}",
        )
        for pair in found.confusions[:_MOST]
    ]
    title = f"Confusions ({_of(found.confusions)}, those accepted first)"
    show(title, ("", "pictures", "accepted"), rows)


def _short(label: str) -> str:
    return label if len(label) <= _WIDE else f"{label[: _WIDE - 1]}…"


def _of(rows: Sequence[object]) -> str:
    return f"{min(_MOST, len(rows))} of {len(rows)}"


def percent(share: Share) -> str:
    """A share in per cent, without the sign."""
    return "-" if share.value is None else f"{100 * share.value:.1f}"


def interval(share: Share) -> str:
    """Where it lies with 95 % confidence, in per cent."""
    return (
        "-"
        if share.interval is None
        else "{:.1f} - {:.1f}".format(*(100 * bound for bound in share.interval))
    )
