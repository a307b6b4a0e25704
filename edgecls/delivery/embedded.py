"""`embedded:`, the pure-Python broker amqtt on loopback, for a demo or a board on its own."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import socket
import threading
from typing import Any

from edgecls.delivery.url import EMBEDDED, LOOPBACK
from edgecls.errors import ConfigError, EdgeclsError

log = logging.getLogger(__name__)

PORT = 1883
_SHUTDOWN_S = 5.0


class EmbeddedBroker:
    """A broker for anybody on this machine; `run` is the body of its thread."""

    def __init__(self, port: int = PORT) -> None:
        """`port` 0, or one that is taken: a free one. Raises ConfigError without the extra."""
        if importlib.util.find_spec("amqtt") is None:
            raise ConfigError(
                "[mqtt] url 'embedded:' needs the broker amqtt; install it with:"
                " pip install 'edgecls[embedded]'"
            )
        self._port = port
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: str | None = None

    @property
    def url(self) -> str:
        """Where any client reaches it, once `wait_ready` has returned."""
        return f"mqtt://{LOOPBACK}:{self._port}"

    def run(self) -> None:
        """Serve until `close`."""
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()

    def wait_ready(self, timeout_s: float = 10.0) -> str:
        """Wait until clients can connect. Raises EdgeclsError when it did not start.

        Returns what stands for it in our own `[mqtt] url`: `embedded:` with the port, which tells
        the session that it speaks MQTT 3.1.1 only.
        """
        started = self._ready.wait(timeout_s)
        if not started or self._failure is not None:
            why = self._failure or f"not ready within {timeout_s:g} s"
            raise EdgeclsError(f"embedded broker at {self.url}: {why}")
        return f"{EMBEDDED}:{self._port}"

    def close(self) -> None:
        """End `run`; clients are disconnected."""
        self._ready.wait(_SHUTDOWN_S)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    async def _serve(self) -> None:
        from amqtt.errors import BrokerError

        _quieten()
        self._loop = asyncio.get_running_loop()
        try:
            self._port = self._port or _free_port()
            broker = await _started(self._port, self._loop)
        except (BrokerError, OSError):  # somebody else's broker, for example
            try:
                self._port = _free_port()
                broker = await _started(self._port, self._loop)
            except (BrokerError, OSError) as error:
                self._failure = str(error)
                return
        log.info("embedded broker listens at %s", self.url)
        self._ready.set()
        await self._stop.wait()
        try:
            async with asyncio.timeout(_SHUTDOWN_S):
                await broker.shutdown()
                # It does not wait for the tasks that serve its clients.
                await asyncio.gather(
                    *asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True
                )
        except TimeoutError:
            log.debug("embedded broker left clients behind")


def _broker(bind: str, loop: asyncio.AbstractEventLoop) -> Any:
    from amqtt.broker import Broker

    class ClosingBroker(Broker):  # type: ignore[misc]  # amqtt is not looked into
        """Amqtt cancels itself while it closes the connection of a client that has left."""

        async def stream_connected(
            self, reader: Any, writer: asyncio.StreamWriter, listener_name: str
        ) -> None:
            try:
                await super().stream_connected(reader, writer, listener_name)
            finally:
                writer.close()

    return ClosingBroker(
        {
            "listeners": {"default": {"type": "tcp", "bind": bind}},
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        },
        loop=loop,
    )


async def _started(port: int, loop: asyncio.AbstractEventLoop) -> Any:
    broker = _broker(f"{LOOPBACK}:{port}", loop)
    await broker.start()
    return broker


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _quieten() -> None:
    """It logs every connection, and each refusal of MQTT 5 as a warning."""
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
