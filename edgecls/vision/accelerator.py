"""The Edge TPU as a daemon uses it: proved at every start, left alone for a while after faults."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary, ref

from edgecls.errors import DelegateError, DelegateFault
from edgecls.vision.engine import Engine, mark_of
from edgecls.vision.failure import Barred, Failure
from edgecls.vision.model_file import read_model
from edgecls.vision.probation import ANY, WELL_AFTER_S, Probation
from edgecls.vision.proof import Proof, Subject, answers, confirm, expected_of, judged, prove

log = logging.getLogger(__name__)

_FIRST_WAIT_S = 600.0  # until it is looked for without being asked
_LOOK_S = 10.0
_STUCK_S = 5.0
_TRIES, _BETWEEN_TRIES_S = 6, 0.5


class Wanted(NamedTuple):
    """A compiled model, and its CPU build where that is installed."""

    model: Subject
    cpu: Subject | None


class Accelerator:
    """For the thread that has `in_use`, but for the notes."""

    def __init__(self, state_dir: Path, in_use: threading.Lock) -> None:
        self._state_dir, self._in_use = state_dir, in_use
        self._probation: Probation | None = None
        self._failures: dict[Wanted, Failure] = {}
        self._marks: WeakKeyDictionary[Engine, str] = WeakKeyDictionary()
        self._since_s: dict[str, float] = {}  # it was loaded or had a fault, by mark

    @property
    def probation(self) -> Probation:
        """What is known of it; looked up when a model first asks for it."""
        if self._probation is None:
            self._probation = Probation(self._state_dir)
        return self._probation

    def load(self, wanted: Wanted, load: Callable[[], Engine], *, replaceable: bool) -> Engine:
        """The engine that `load` gives, once the Edge TPU has proved that it answers rightly.

        One that is on probation is only tried where no other model can take the place. Raises
        DelegateError.
        """
        failure = self._failures.get(wanted)
        if failure is not None and failure.holds(replaceable=replaceable):
            raise failure.error
        mark = mark_of(read_model(wanted.model.path, wanted.model.delegate).sha256)
        try:
            self._refuse(wanted.model.path, mark, replaceable=replaceable)
            engine = self._load(wanted, mark, load)
        except DelegateError as error:
            self._failed(wanted, mark, error)
            raise
        for other in self._failures.values():
            if other.missing:
                other.is_due()
        if failure is not None:
            failure.loaded = ref(engine)
        return engine

    def try_suspects(self, all_wanted: Iterable[Wanted]) -> None:
        """Before one model has the device: afterwards no other process can try it with those that
        failed."""
        if self._marks or not self.probation.suspects:
            return
        for wanted in all_wanted:
            mark = mark_of(read_model(wanted.model.path, wanted.model.delegate).sha256)
            failed = wanted in self._failures and not self._failures[wanted].due
            if failed or self.probation.bar(mark) or self.probation.suspect(mark) is None:
                continue
            self._proves(wanted, mark)

    def look_after(self, finished: threading.Event, again: Callable[[], None]) -> None:
        """Body of a thread: after a while of running well, forgets earlier faults; tries what could
        not be used, in a process of its own, and calls `again` when it answers, or was loaded for
        one watch and may be used by others."""
        while not finished.wait(_LOOK_S):
            for mark in set(self._marks.copy().values()):
                if time.monotonic() - self._since_s[mark] >= WELL_AFTER_S:
                    self.probation.well(mark)
            failures = self._failures.copy()
            if [wanted for wanted in failures if self._worth_assembling(wanted, failures[wanted])]:
                again()

    def note_fault(self, error: DelegateFault) -> None:
        """It failed while it was in use, and the process is about to end."""
        marks = [
            mark
            for engine, mark in self._marks.copy().items()
            if str(error).startswith(f"{engine.model.path}: ")
        ]
        self.probation.fault(marks[0] if marks else ANY, _why(error))

    def note_stuck(self, engines: Iterable[Engine]) -> None:
        """A call hangs, and the process is about to be ended: is it one of ours?"""
        for engine in engines:
            began_s = engine.invoked_s
            if began_s is not None and time.monotonic() - began_s >= _STUCK_S:
                why = f"an invoke of {engine.model.name} did not come back"
                self.probation.fault(mark_of(engine.model.sha256), why)

    def _refuse(self, path: Path, mark: str, *, replaceable: bool) -> None:
        """Raise DelegateError where it is too soon, or where another model has the device: a try
        could not be made in another process then, and might end this one."""
        if replaceable and (bar := self.probation.bar(mark)) is not None:
            raise Barred(f"{path}: the Edge TPU is not used at present: {bar}")
        why = self.probation.suspect(mark)
        if why is None or not self._marks:
            return
        if replaceable or self.probation.retry_s(mark) > 0:
            raise Barred(
                f"{path}: the Edge TPU is not used at present: it failed before ({why}), "
                "and cannot be tried while another model is on it"
            )

    def _load(self, wanted: Wanted, mark: str, load: Callable[[], Engine]) -> Engine:
        try:
            engine, proof = self._proved(wanted, mark, load)
        except DelegateFault as error:
            self._fault(mark, error)
            raise
        self._marks[engine], self._since_s[mark] = mark, time.monotonic()
        engine.delegate_reason = proof.reason
        path = wanted.model.path
        log.info("%s: on the Edge TPU, by %s; %s", path, engine.library, proof.reason)
        return engine

    def _proved(
        self, wanted: Wanted, mark: str, load: Callable[[], Engine]
    ) -> tuple[Engine, Proof]:
        if self._marks:  # we have the device: no other process can open it
            expected = expected_of(wanted.cpu)
            with self.probation.touching(mark) as arm_timer:
                engine = load()
                arm_timer()
                given = answers(engine)
            return engine, judged(wanted.model, given, expected, self._answers_folder)
        proof = prove(*wanted, self._answers_folder)
        with self.probation.touching(mark) as arm_timer:
            engine = _opened_after_another(load, arm_timer)
            arm_timer()
            confirm(engine, proof)
        return engine, proof

    def _worth_assembling(self, wanted: Wanted, failure: Failure) -> bool:
        """Whether a model that failed may be used now by watches that do not do so."""
        with self._in_use:
            if self._failures.get(wanted) is not failure:
                return False
            if failure.loaded is None:
                return failure.due and self._answers(wanted, failure)
            if failure.loaded() is None:  # and let go, because the assembly failed elsewhere
                failure.loaded = None
                return False
            del self._failures[wanted]
            return not failure.answered  # else everything was assembled with it

    def _answers(self, wanted: Wanted, failure: Failure) -> bool:
        if self._marks:  # only a load can tell, and it may end this process
            safe = failure.missing and self.probation.suspect(failure.mark) is None
            if safe:
                failure.answers()
            return safe
        if not self._proves(wanted, failure.mark):
            return False
        failure.answers()
        return True

    def _proves(self, wanted: Wanted, mark: str) -> bool:
        try:
            prove(*wanted, self._answers_folder)
        except DelegateError as error:
            if isinstance(error, DelegateFault):
                self._fault(mark, error)
            self._failed(wanted, mark, error)
            return False
        self.probation.forgive(mark)
        log.info("%s: the Edge TPU answers again", wanted.model.path)
        return True

    def _fault(self, mark: str, error: DelegateFault) -> None:
        self._since_s[mark] = time.monotonic()
        self.probation.fault(mark, _why(error))

    def _failed(self, wanted: Wanted, mark: str, error: DelegateError) -> None:
        before = self._failures.get(wanted)
        wait_s = _FIRST_WAIT_S if before is None else before.wait_s * 2
        wait_s = max(wait_s, _FIRST_WAIT_S, self.probation.retry_s(mark))
        self._failures[wanted] = Failure(mark, error, wait_s)

    @property
    def _answers_folder(self) -> Path:
        return self._state_dir / "edge-tpu-answers"


def _opened_after_another(load: Callable[[], Engine], arm_timer: Callable[[], None]) -> Engine:
    """A device may need a moment after the process that has proved it let it go."""
    for _ in range(_TRIES - 1):
        try:
            return load()
        except DelegateFault:
            raise
        except DelegateError as error:
            log.info("%s; trying again", error)
            time.sleep(_BETWEEN_TRIES_S)
            arm_timer()
    return load()


def _why(error: DelegateFault) -> str:
    """What is wrong, without the model that it was found with."""
    return re.split(r"\.(?:tflite|lite|zip): ", str(error), maxsplit=1)[-1]
