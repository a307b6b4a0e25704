"""The broker that `embedded:` stands for: started when a configuration first wants it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from edgecls.settings import MqttSettings
from edgecls.threads import Threads

EMBEDDED_URL = "embedded:"


class OwnBroker:
    """At most one, until `stack` is left."""

    def __init__(self, threads: Threads, stack: ExitStack) -> None:
        self._threads, self._stack = threads, stack
        self._url: str | None = None

    def reachable(self, settings: MqttSettings) -> MqttSettings:
        """The settings with the URL of a broker that runs from now on in place of `embedded:`.

        Raises ConfigError without the extra, EdgeclsError where it does not start.
        """
        urls = [settings.url] if isinstance(settings.url, str) else settings.url
        if EMBEDDED_URL not in urls:
            return settings
        ours = self._url or self._started()
        return replace(settings, url=[ours if each == EMBEDDED_URL else each for each in urls])

    def _started(self) -> str:
        # Imported here: only who wants one has the extra.
        from edgecls.delivery.embedded import EmbeddedBroker

        broker = EmbeddedBroker()
        self._threads.start("embedded broker", broker.run)
        self._stack.callback(broker.close)
        self._url = broker.wait_ready()
        return self._url
