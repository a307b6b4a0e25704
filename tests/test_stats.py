"""Stats: percentiles within the width of a bucket, counters per interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.domain import Classification, Reason
from edgecls.stats import Histogram, Stats

durations = st.lists(st.floats(0.01, 100_000), min_size=1, max_size=200)


@given(durations, st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_within_two_per_cent_of_the_sorted_list(
    ms: list[float], share: float
) -> None:
    histogram = Histogram()
    for each in ms:
        histogram.record(each)
    exact = float(np.quantile(ms, share, method="inverted_cdf"))
    assert histogram.percentile(share) == pytest.approx(exact, rel=0.021)
    assert histogram.max_ms == max(ms)


def test_an_empty_histogram_has_no_figures() -> None:
    assert Histogram().summary() is None


@pytest.mark.parametrize("ms", [0.0, 1e-9, 1e12])
def test_durations_beyond_the_buckets_are_counted_at_their_edge(ms: float) -> None:
    histogram = Histogram()
    histogram.record(ms)
    assert histogram.count == 1
    assert histogram.max_ms == ms


def test_a_report_counts_verdicts_by_reason_and_begins_a_new_interval() -> None:
    stats = Stats(["porch"], ["gate"], 100.0)
    stats.captured("porch")
    stats.captured("porch")
    stats.dropped("porch")
    stats.classified("gate", Classification((), None, 0.5, 7.0), 0, 1.0, 9.0)
    stats.classified("gate", Classification((), Reason.LOW_MARGIN, 0.5, 7.0), 1, 1.0, 9.0)
    report = stats.report(102.0)
    assert report["interval_s"] == 2.0
    assert report["fps"] == 1.0
    assert report["frames"] == {"captured": 2, "classified": 2, "dropped": 1, "broken": 0}
    assert report["watches"]["gate"]["verdicts"] == {"accepted": 1, "low_margin": 1}
    assert report["watches"]["gate"]["withheld"] == 1
    assert report["latency_ms"]["inference"]["p50"] == pytest.approx(7.0, rel=0.02)
    assert "ack" not in report["latency_ms"]

    empty = stats.report(112.0)
    assert empty["uptime_s"] == 12.0
    assert empty["interval_s"] == 10.0
    assert empty["latency_ms"] == {}
    assert empty["frames"]["captured"] == 0
