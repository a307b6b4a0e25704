"""The Edge TPU between the processes that use it one after the other."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

from edgecls.errors import DelegateError, DelegateFault
from edgecls.vision import accelerator, failure
from edgecls.vision.accelerator import Accelerator, Wanted
from edgecls.vision.engine import Engine, mark_of
from edgecls.vision.model_file import read_model
from edgecls.vision.probation import WELL_AFTER_S, Probation
from edgecls.vision.proof import Subject
from tests.brokers import wait_until
from tests.vision.test_proof import SETTINGS
from tests.vision.tpu import MakeEdgeTpu, make_edge_tpu, models

__all__ = ["make_edge_tpu"]


@pytest.fixture
def wanted(make_edge_tpu: MakeEdgeTpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wanted:
    """A compiled model with its CPU build, and an Edge TPU that works."""
    monkeypatch.setattr(accelerator, "_BETWEEN_TRIES_S", 0.01)
    make_edge_tpu()
    models(tmp_path, "brightness", "brightness_edgetpu")
    return Wanted(
        Subject(tmp_path / "brightness_edgetpu.tflite", "auto", SETTINGS),
        Subject(tmp_path / "brightness.tflite", "cpu", SETTINGS),
    )


@pytest.fixture
def another_model(wanted: Wanted, tmp_path: Path) -> Wanted:
    """Another model of the same answers."""
    file = tmp_path / "another_edgetpu.tflite"
    file.write_bytes(wanted.model.path.read_bytes() + b"\0")
    return wanted._replace(model=Subject(file, "auto", SETTINGS))


class Loading:
    """Loads a model for the CPU instead, which gives the same answers; after some refusals."""

    def __init__(self, wanted: Wanted, *refusals: DelegateError) -> None:
        self._wanted, self._refusals = wanted, list(refusals)

    def __call__(self) -> Engine:
        if self._refusals:
            raise self._refusals.pop(0)
        assert self._wanted.cpu is not None
        return self._wanted.cpu.open()


def test_a_device_that_needs_a_moment_after_its_proof_is_given_it(
    wanted: Wanted, tmp_path: Path
) -> None:
    load = Loading(wanted, *[DelegateError("it is busy")] * 3)
    engine = Accelerator(tmp_path, threading.Lock()).load(wanted, load, replaceable=True)
    assert engine.delegate_reason.startswith("proved")


def test_one_that_is_gone_after_its_proof_is_missing_and_one_that_fails_has_a_fault(
    wanted: Wanted, tmp_path: Path
) -> None:
    one = Accelerator(tmp_path, threading.Lock())
    with pytest.raises(DelegateError, match="it is gone"):
        one.load(wanted, Loading(wanted, *[DelegateError("it is gone")] * 9), replaceable=True)
    assert (
        not (tmp_path / "edge-tpu.json").exists()
        or "gone" not in (tmp_path / "edge-tpu.json").read_text()
    )
    another = Accelerator(tmp_path, threading.Lock())
    with pytest.raises(DelegateFault, match="it fails"):
        another.load(wanted, Loading(wanted, DelegateFault("m.tflite: it fails")), replaceable=True)
    assert '"faults": 1, "why": "it fails"' in (tmp_path / "edge-tpu.json").read_text()


def test_a_failure_is_not_tried_again_for_each_watch(wanted: Wanted, tmp_path: Path) -> None:
    one = Accelerator(tmp_path, threading.Lock())
    load = Loading(wanted, *[DelegateError("it is gone")] * 6)  # the next one would succeed
    for _ in range(2):
        with pytest.raises(DelegateError, match="it is gone"):
            one.load(wanted, load, replaceable=True)


def test_an_engine_that_did_not_pass_lets_go_of_the_device(wanted: Wanted, tmp_path: Path) -> None:
    one = Accelerator(tmp_path, threading.Lock())
    engines: weakref.WeakSet[Engine] = weakref.WeakSet()

    def load() -> Engine:
        assert wanted.cpu is not None
        engine = wanted.cpu.open()
        engines.add(engine)
        engine.accelerated = True
        engine._interpreter = Failing()
        return engine

    for _ in range(2):
        with pytest.raises(DelegateFault, match="the device fell asleep"):
            one.load(wanted, load, replaceable=True)
    gc.collect()
    assert not engines


def two_faults(wanted: Wanted, folder: Path) -> None:
    """A model that is on probation."""
    for _ in range(2):
        Probation(folder).fault(mark_of(read_model(wanted.model.path).sha256), "it hung")


def test_a_bar_holds_for_who_has_a_fallback_and_not_for_who_has_none(
    wanted: Wanted, tmp_path: Path
) -> None:
    two_faults(wanted, tmp_path)
    one = Accelerator(tmp_path, threading.Lock())
    with pytest.raises(DelegateError, match="is not used at present: it failed 2 times in a row"):
        one.load(wanted, Loading(wanted), replaceable=True)
    one.load(wanted, Loading(wanted), replaceable=False)


def test_a_suspect_is_tried_in_a_process_of_its_own_or_not_at_all(
    wanted: Wanted, another_model: Wanted, tmp_path: Path
) -> None:
    Probation(tmp_path).fault(mark_of(read_model(another_model.model.path).sha256), "it crashed")
    one = Accelerator(tmp_path, threading.Lock())
    engine = one.load(wanted, Loading(wanted), replaceable=True)
    with pytest.raises(
        DelegateError, match=r"it failed before \(it crashed\), and cannot be tried"
    ):
        one.load(another_model, Loading(wanted), replaceable=True)
    assert engine.delegate_reason.startswith("proved")
    another = Accelerator(tmp_path, threading.Lock())
    another.try_suspects([another_model])
    another.load(wanted, Loading(wanted), replaceable=True)
    another.load(another_model, Loading(wanted), replaceable=True)


class LookedAfter(threading.Event):
    """An accelerator that is looked after at once and all the time."""

    def __init__(self, one: Accelerator, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        monkeypatch.setattr(accelerator, "_LOOK_S", 0.01)
        self.calls = self.looks = 0
        self._thread = threading.Thread(target=one.look_after, args=(self, self._again))

    def wait(self, timeout: float | None = None) -> bool:
        self.looks += 1
        return super().wait(timeout)

    def _again(self) -> None:
        self.calls += 1

    def __enter__(self) -> LookedAfter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.set()
        self._thread.join()


def refused(one: Accelerator, wanted: Wanted) -> None:
    gone = [DelegateError("it is gone")] * 6
    with pytest.raises(DelegateError, match="it is gone"):
        one.load(wanted, Loading(wanted, *gone), replaceable=True)


def test_one_that_answers_is_tried_again_until_everything_was_assembled_with_it(
    wanted: Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "_FIRST_WAIT_S", 0.01)
    in_use = threading.Lock()
    one = Accelerator(tmp_path, in_use)
    refused(one, wanted)
    with LookedAfter(one, monkeypatch) as looked_after:
        # The first assembly came to nothing.
        wait_until(lambda: looked_after.calls >= 2, "two calls")
        with in_use:  # as whoever assembles: a proof may be under way
            engine = one.load(wanted, Loading(wanted), replaceable=True)
        wait_until(lambda: not one._failures, "nothing to be tried")
    assert engine.delegate_reason.startswith("proved")


def test_one_that_was_loaded_for_one_watch_is_there_for_all(
    wanted: Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure, "_MISSING_S", 0.0)
    one = Accelerator(tmp_path, threading.Lock())
    refused(one, wanted)
    engine = one.load(wanted, Loading(wanted), replaceable=True)
    with LookedAfter(one, monkeypatch) as looked_after:
        wait_until(lambda: looked_after.calls == 1, "a call")
        wait_until(lambda: not one._failures, "nothing to be tried")
    assert (engine.accelerated, looked_after.calls) == (False, 1)


def test_what_was_let_go_before_it_was_used_is_tried_again(
    wanted: Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure, "_MISSING_S", 0.0)
    one = Accelerator(tmp_path, threading.Lock())
    refused(one, wanted)
    one.load(wanted, Loading(wanted), replaceable=True).close()
    gc.collect()
    with LookedAfter(one, monkeypatch) as looked_after:
        wait_until(lambda: looked_after.calls >= 1, "a call")
    assert one._failures


def test_running_well_forgets_the_faults_before_it_and_not_those_since(
    wanted: Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = mark_of(read_model(wanted.model.path).sha256)
    Probation(tmp_path).fault(mark, "it hung")
    one = Accelerator(tmp_path, threading.Lock())
    engine = one.load(wanted, Loading(wanted), replaceable=True)
    with LookedAfter(one, monkeypatch) as looked_after:
        one._since_s[mark] -= WELL_AFTER_S
        wait_until(lambda: one.probation.suspect(mark) is None, "forgotten faults")
        one._fault(mark, DelegateFault("m.tflite: it failed"))
        since = looked_after.looks
        wait_until(lambda: looked_after.looks > since + 2, "more looks")
        assert one.probation.suspect(mark) == "it failed"
    assert engine.delegate_reason.startswith("proved")


class Failing:
    """An interpreter whose accelerator fails."""

    def set_tensor(self, *_: object) -> None:
        """Takes it."""

    def invoke(self) -> None:
        raise RuntimeError("the device fell asleep")

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)
