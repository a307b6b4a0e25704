"""Commands that come while others are under way."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from edgecls.control import Control
from edgecls.delivery.commands import Setting
from edgecls.keepers import Keepers
from edgecls.settings import Config, WatchSettings


def test_the_newest_model_wins_whatever_else_is_set_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    errands: list[Callable[[], None]] = []
    loading: list[Callable[[], None]] = []
    taken: list[str] = []

    def present() -> Any:
        config = Config(watches={"porch": WatchSettings(model="v0")})
        return SimpleNamespace(config=config, watches={"porch": None})

    running: Any = SimpleNamespace(now=present(), engines=())
    running.config = running.now.config
    engines: Any = SimpleNamespace(keep_only=lambda _: None)
    turns: Any = SimpleNamespace(soon=errands.append)
    threads: Any = SimpleNamespace(start=lambda _, body: loading.append(body))
    nobody: Any = None
    control = Control(
        running, engines, nobody, turns, threads,
        keepers=Keepers(), stop=lambda: None,
    )  # fmt: skip
    monkeypatch.setattr(control, "_loaded", lambda _, setting: setting.value)
    monkeypatch.setattr(control, "_change_model", lambda _, watch: taken.append(watch))
    monkeypatch.setattr(control, "_done", lambda _: None)

    control.apply(Setting("porch", "model", "v1"))
    loading.pop()()
    running.now = present()  # by another command
    running.config = running.now.config
    control.apply(Setting("porch", "model", "v2"))
    loading.pop()()
    while errands or loading:
        (errands.pop(0) if errands else loading.pop(0))()
    assert taken == ["v2"]
