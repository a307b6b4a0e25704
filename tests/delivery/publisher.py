"""Delivers until it is killed, or its standard input ends; then it closes and is gone.

python -m tests.delivery.publisher URL WILL_DELAY_S
"""

from __future__ import annotations

import os
import sys
import threading

from edgecls.delivery import connection
from edgecls.settings import MqttSettings
from tests.delivery.scenes import delivery, nothing_yet

if __name__ == "__main__":
    connection.WILL_DELAY_S = int(sys.argv[2])
    one = delivery(MqttSettings(url=sys.argv[1]))
    one.publish(nothing_yet())
    for body in (one.run, one.run_network):
        threading.Thread(target=body).start()
    sys.stdin.read()
    one.close(5.0)
    os._exit(0)  # no thread is waited for
