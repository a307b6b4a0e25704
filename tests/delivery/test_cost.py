"""What the delivery costs the frame loop, and a process without a broker."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgecls.delivery.mailbox import Mailbox
from tests.delivery.scenes import dog_comes, dog_stays


def test_frames_that_change_nothing_are_not_queued() -> None:
    mailbox = Mailbox()
    mailbox.publish(dog_comes())
    for _ in range(1000):
        mailbox.publish(dog_stays(0.8))
    assert len(mailbox) == 1


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
