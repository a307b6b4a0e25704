"""What the delivery costs the frame loop, and a process without a broker."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from edgecls.settings import MqttSettings
from tests.delivery.scenes import delivery, dog_comes, dog_stays


def test_a_frame_costs_the_loop_less_than_20_microseconds() -> None:
    one = delivery(MqttSettings(url="mqtt://127.0.0.1"))
    frame, change = dog_stays(0.8), dog_comes()
    for outcome, times in ((frame, 20_000), (change, 2_000)):
        before = time.perf_counter_ns()
        for _ in range(times):
            one.publish(outcome)
        assert (time.perf_counter_ns() - before) / times < 20_000


@pytest.mark.parametrize("module", ["delivery", "lines", "embedded"])
def test_paho_and_amqtt_are_imported_only_when_a_broker_is_used(module: str) -> None:
    program = (
        f"import sys, edgecls.delivery.{module};"
        "print([name for name in ('paho', 'amqtt') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
