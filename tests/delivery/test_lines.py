from __future__ import annotations

import io
import json

from edgecls.delivery.lines import Lines
from tests.delivery.scenes import dog_comes, dog_goes, dog_stays


def test_each_event_is_one_line_of_json() -> None:
    out = io.StringIO()
    lines = Lines(out)
    for outcome in (dog_comes(), dog_stays(0.8), dog_goes()):
        lines.publish(outcome)
    start, end = map(json.loads, out.getvalue().splitlines())
    assert (start["phase"], start["seq"], start["attempt"]) == ("start", 1, 1)
    assert (end["phase"], end["seq"], end["start_id"]) == ("end", 2, start["id"])
    assert lines.close(0.0) == 0
