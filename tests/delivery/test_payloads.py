from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from edgecls.delivery.numbering import Numbering
from edgecls.delivery.payloads import (
    copy_of,
    encode,
    event_payload,
    gap_payload,
    health_payload,
    iso_timestamp,
    state_payload,
)
from edgecls.domain import NO_STATE, Category, Outcome, Phase
from edgecls.health import HealthReport
from tests.delivery.scenes import TS, dog_comes, dog_goes, event

TOP = [
    {"index": None, "label": "dog", "slug": "dog", "score": 0.9133},
    {"index": 281, "label": "tabby, cat", "slug": "tabby_cat", "score": 0.05},
]


def test_timestamps_are_utc_with_milliseconds() -> None:
    assert iso_timestamp(TS) == "2026-11-21T04:13:05.157Z"
    assert iso_timestamp(0) == "1970-01-01T00:00:00.000Z"


@given(st.floats(0, 4e9))
@example(1795251669.2009995)
def test_a_timestamp_is_the_same_of_what_the_ring_of_scores_keeps(ts: float) -> None:
    assert iso_timestamp(round(ts * 1e6) / 1e6) == iso_timestamp(ts)


def test_json_is_compact_keeps_letters_and_knows_no_nan() -> None:
    text = encode({"label": "Große Münsterländer", "p50": float("nan"), "of": [float("inf"), 1.5]})
    assert text.decode() == '{"label":"Große Münsterländer","p50":null,"of":[null,1.5]}'


def test_state_tells_label_score_since_and_the_newest_verdict() -> None:
    assert state_payload(dog_comes()) == {
        "schema": 1,
        "label": "dog",
        "slug": "dog",
        "score": 0.9133,
        "since": "2026-11-21T04:13:05.157Z",
        "ts": "2026-11-21T04:13:05.157Z",
        "verdict": "accepted",
        "reason": None,
        "top": TOP,
    }


def test_nothing_stable_is_the_label_none_with_the_last_reason() -> None:
    payload = state_payload(dog_goes())
    assert (payload["label"], payload["slug"], payload["score"]) == ("none", "none", None)
    assert (payload["verdict"], payload["reason"]) == ("ambiguous", "low_score")


def test_a_watch_that_nobody_looks_at_has_no_verdict() -> None:
    payload = state_payload(Outcome("porch", TS, NO_STATE, None, True))
    assert (payload["verdict"], payload["reason"], payload["top"]) == (None, None, [])


def test_start_has_the_keys_of_the_contract_in_its_order() -> None:
    numbered = Numbering().number(event(Phase.START), ts_sync=True)
    payload = copy_of(event_payload(numbered), age_s=0.0804, attempt=1)
    assert payload == {
        "schema": 1,
        "id": f"{numbered.epoch}-1",
        "epoch": numbered.epoch,
        "seq": 1,
        "phase": "start",
        "watch": "porch",
        "label": "dog",
        "slug": "dog",
        "score": 0.9133,
        "top": TOP,
        "ts": "2026-11-21T04:13:05.157Z",
        "ts_sync": True,
        "age_s": 0.08,
        "attempt": 1,
        "model": "mobilenet",
    }
    assert list(payload)[-4:] == ["ts_sync", "model", "age_s", "attempt"]


def test_end_names_its_start_and_says_how_long_how_sure_and_why() -> None:
    numbering = Numbering()
    start = numbering.number(event(Phase.START), ts_sync=True)
    end = numbering.number(event(Phase.END, media_s=8.25), ts_sync=True)
    payload = event_payload(end)
    assert payload["start_id"] == start.id
    assert (payload["duration_s"], payload["max_score"]) == (4.2, 0.97)
    assert (payload["reason"], payload["media_s"]) == ("no_support", 8.25)


def test_an_end_whose_start_is_unknown_names_none() -> None:
    end = Numbering().number(event(Phase.END), ts_sync=True)
    assert event_payload(end)["start_id"] is None


def test_copies_differ_in_age_and_attempt_only() -> None:
    numbered = Numbering().number(event(Phase.START), ts_sync=False)
    first = copy_of(event_payload(numbered), age_s=0.1, attempt=1)
    second = copy_of(event_payload(numbered), age_s=14.0, attempt=2)
    assert {key for key in first if first[key] != second[key]} == {"age_s", "attempt"}


def test_an_age_is_never_negative() -> None:
    numbered = Numbering().number(event(Phase.START), ts_sync=False)
    assert copy_of(event_payload(numbered), age_s=-0.2, attempt=1)["age_s"] == 0


def test_a_score_that_is_no_number_is_null() -> None:
    odd = replace(event(Phase.START), top=(Category(1, "x", float("nan"), "x"),))
    payload = event_payload(Numbering().number(odd, ts_sync=False))
    assert json.loads(encode(payload))["top"][0]["score"] is None


def test_gap_says_from_where_to_where() -> None:
    lost = event_payload(Numbering("7f3c9a", 8).number(event(Phase.START), ts_sync=True))
    payload = gap_payload(3, lost)
    assert (payload["phase"], payload["from_seq"], payload["to_seq"]) == ("gap", 3, 9)
    assert (payload["seq"], payload["id"], payload["ts"]) == (9, "7f3c9a-9", lost["ts"])
    assert "label" not in payload


def test_health_is_not_ok_for_faults_only() -> None:
    warned = health_payload(HealthReport((), ("tls_insecure",), TS))
    assert (warned["ok"], warned["warnings"]) == (True, ["tls_insecure"])
    assert health_payload(HealthReport(("camera_stalled:porch",), (), TS)) == {
        "schema": 1,
        "ok": False,
        "reasons": ["camera_stalled:porch"],
        "warnings": [],
        "details": {},
        "since": "2026-11-21T04:13:05.157Z",
    }
