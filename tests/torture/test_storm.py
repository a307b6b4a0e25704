"""Kills, broker kills and cuts at random moments: nothing is lost, nothing is seen twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.storm import Plan, storm

SHORT = Plan(events=500, kills=3)


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(SHORT, id="short"),
        pytest.param(Plan(), id="10,000 events", marks=pytest.mark.torture),
        pytest.param(
            Plan(events=3000, kills=15, seed=2, protocol="3.1.1"),
            id="MQTT 3.1.1",
            marks=pytest.mark.torture,
        ),
        pytest.param(
            Plan(events=0, kills=10, seed=3, daemon=True),
            id="the whole daemon",
            marks=pytest.mark.torture,
        ),
    ],
)
def test_through_a_storm_no_event_is_lost_and_none_seen_twice(plan: Plan, tmp_path: Path) -> None:
    figures = storm(plan, tmp_path)
    print(figures)
    assert figures.committed >= plan.events
    assert figures.findings.lost == []
    assert figures.findings.seen_twice == 0
    # Without that it was no storm.
    assert figures.findings.again > 0 or plan is SHORT
