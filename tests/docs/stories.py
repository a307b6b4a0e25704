"""Tables of frames on the pages: what the real decision says to them."""

from __future__ import annotations

import numpy as np

from edgecls.decision.decider import Decider
from edgecls.domain import Moment, Outcome, Prediction
from tests.docs.pages import DOCS, Block
from tests.docs.toml import config_for

TOLD = ("judged", "verdict", "state", "event")


def told(block: Block) -> list[list[str]]:
    """The rows of a table with what the decision makes of them in place of what stands there.

    A row without a time is a case of its own; the columns that are not in TOLD are classes.
    """
    header, *rows = block.rows
    classes = [name for name in header if name not in ("s", *TOLD)]
    watch = config_for(block, DOCS / block.page).watches["porch"]
    decider = Decider("porch", "toy", classes, watch)
    result = []
    for row in rows:
        cells = dict(zip(header, row, strict=True))
        if "s" not in cells:
            decider = Decider("porch", "toy", classes, watch)
        outcome = _see(decider, classes, cells)
        found = {
            "judged": _judged(outcome),
            "verdict": _verdict(outcome),
            "state": outcome.state.label or "none",
            "event": _events(outcome),
        }
        result.append([found.get(name, cell) for name, cell in cells.items()])
    return result


def _see(decider: Decider, classes: list[str], cells: dict[str, str]) -> Outcome:
    scores = np.array([float(cells[name] or 0) for name in classes], np.float32)
    at_s = float(cells.get("s", 0))
    return decider.update(Prediction(scores, 0.5, 6.0), Moment(at_s, at_s, int(at_s * 1e9)))


def _judged(outcome: Outcome) -> str:
    assert outcome.classification is not None
    return ", ".join(f"{c.label} {c.score:.2f}" for c in outcome.classification.top[:2])


def _verdict(outcome: Outcome) -> str:
    assert outcome.classification is not None
    seen = outcome.classification
    return str(seen.verdict) + (f" `{seen.reason}`" if seen.reason else "")


def _events(outcome: Outcome) -> str:
    said = [f"{e.phase} {e.label}" + (f" `{e.reason}`" if e.reason else "") for e in outcome.events]
    return ", ".join(said + ["(withheld)"] * (outcome.withheld > 0))
