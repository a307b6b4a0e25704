"""The engines of a configuration's models: found, loaded, shared by the watches that use them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

from edgecls.builds import fallback_settings, model_settings, pair_settings
from edgecls.catalogue import label_files
from edgecls.errors import DelegateError, DelegateFault, ModelError
from edgecls.service.processor import machine_name, others_busy_s, usable_cores
from edgecls.settings import Config, ModelSettings
from edgecls.vision.accelerator import Accelerator, Wanted
from edgecls.vision.calibration import Machine, calibrated_threads
from edgecls.vision.content import may_be_compiled
from edgecls.vision.engine import Engine, Reading, place, read
from edgecls.vision.first_load import first_load
from edgecls.vision.model_file import ModelFile, read_model
from edgecls.vision.naming import own_names
from edgecls.vision.proof import Subject

log = logging.getLogger(__name__)


class Engines:
    """Those of one process; one for all watches of a model. For the thread that has `in_use`."""

    def __init__(self, state_dir: Path | None) -> None:
        """With a `state_dir`, a model that this machine has not loaded before is first loaded in a
        process of its own, so that a file which crashes the runtime does not take us along."""
        self._state_dir = state_dir
        self._loaded: dict[_Loaded, Engine] = {}
        self._at_work = False
        self.in_use = threading.Lock()
        self._accelerator = None if state_dir is None else Accelerator(state_dir, self.in_use)

    def of(self, config: Config, model: str) -> tuple[Engine, str | None]:
        """The engine of a model; or of its fallback, and why its delegate cannot be used."""
        settings = model_settings(config, model)
        fallback = fallback_settings(config, settings)
        try:
            return self._load(config, settings, replaceable=fallback is not None), None
        except DelegateError as error:
            if fallback is None:
                raise
            engine = self._load(config, fallback)
            log.warning("model %s: %s; %s takes its place", model, error, engine.model.name)
            return engine, str(error)

    def on_cpu(self, config: Config, model: str) -> Engine:
        """The engine of a model, where no accelerator is to be touched: of a compiled one its CPU
        build's. Raises ModelError."""
        return self._load(config, cpu_settings(config, model))

    def keep_only(self, used: Iterable[Engine]) -> None:
        """Let go of all others; not now, where somebody is loading. For any thread."""
        if self.in_use.acquire(blocking=False):
            kept = list(used)
            self._loaded = {m: engine for m, engine in self._loaded.items() if engine in kept}
            self.in_use.release()

    def look_after(self, finished: threading.Event, again: Callable[[], None]) -> None:
        """Body of a thread. Calls `again` when an accelerator that could not be used answers."""
        self._at_work = True
        if self._accelerator is not None:
            self._accelerator.look_after(finished, again)

    def note_stuck(self, used: Iterable[Engine]) -> None:
        """A call hangs and the process is about to be ended: was it an accelerator? What is `used`
        may have been let go of: a model that came back. For any thread."""
        if self._accelerator is not None:
            self._accelerator.note_stuck({*self._loaded.copy().values(), *used})

    def note_fault(self, error: DelegateFault) -> None:
        """An accelerator failed in use, and the process is about to end. For any thread."""
        if self._accelerator is not None:
            self._accelerator.note_fault(error)

    def _load(
        self, config: Config, settings: ModelSettings, *, replaceable: bool = False
    ) -> Engine:
        loaded = _Loaded.now(settings)
        if loaded not in self._loaded:
            self._loaded[loaded] = self._load_anew(config, settings, replaceable=replaceable)
        return self._loaded[loaded]

    def _load_anew(self, config: Config, settings: ModelSettings, *, replaceable: bool) -> Engine:
        load = partial(load_engine, settings, self._state_dir, at_work=self._at_work)
        if self._accelerator is None or not _accelerated(settings):
            return load()
        this = wanted(settings)
        self._accelerator.try_suspects(each for each in _all_wanted(config) if each != this)
        return self._accelerator.load(this, load, replaceable=replaceable)


class _Loaded(NamedTuple):
    """A model as it was when it was loaded: the file may be another one by now."""

    settings: ModelSettings
    file: tuple[int, int, int]  # inode, size, time of its last change
    labels: tuple[tuple[int, int, int], ...]  # of the files that they may come from

    @classmethod
    def now(cls, settings: ModelSettings) -> Self:
        file, labels_file = Path(settings.file), settings.labels_file
        files = label_files(file) if labels_file is None else [Path(labels_file)]
        return cls(settings, _stamp(file), tuple(map(_stamp, files)))


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        told = file.stat()
    except OSError:  # whoever loads it says what is wrong
        return 0, 0, 0
    return told.st_ino, told.st_size, told.st_mtime_ns


def cpu_settings(config: Config, model: str) -> ModelSettings:
    """By which a model is loaded on the CPU: of a compiled one its CPU build. Raises ModelError."""
    settings = model_settings(config, model)
    if not _accelerated(settings):
        return settings
    fallback = fallback_settings(config, settings)
    if fallback is None:
        raise ModelError(f"{settings.file}: is compiled for the Edge TPU, and has no CPU build")
    return fallback


def reading_of(config: Config, model: str) -> Reading:
    """What a model is; no runtime and no accelerator is needed. Raises ModelError, also of its
    fallback."""
    settings = model_settings(config, model)
    reading = _read(settings)
    if reading.model.edge_tpu and (fallback := fallback_settings(config, settings)) is not None:
        _read(fallback)
    return reading


def network_of(config: Config, model: str) -> str:
    """What `Engine.network` will be of a model. Raises ModelError."""
    settings = model_settings(config, model)
    pair = _pair(settings)
    file = Path(settings.file)
    return (read_model(file, settings.delegate) if pair is None else pair.model).sha256


def _read(model: ModelSettings) -> Reading:
    reading = read(
        model.file,
        labels=_labels(model, _pair(model)),
        activation=model.activation,
        temperature=model.temperature,
        mean=model.mean,
        std=model.std,
        delegate=model.delegate,
    )
    place(reading.model, model.delegate)
    return reading


def _accelerated(model: ModelSettings) -> bool:
    file = Path(model.file)
    with suppress(OSError):  # `read_model` says what is wrong
        if not may_be_compiled(file):
            return False
    return place(read_model(file, model.delegate), model.delegate).accelerated


def _all_wanted(config: Config) -> Iterator[Wanted]:
    """Those of all watches, as far as their files can be read."""
    for name in {watch.model: None for watch in config.watches.values()}:
        with suppress(ModelError):
            settings = model_settings(config, name)
            if _accelerated(settings):
                yield wanted(settings)


def wanted(model: ModelSettings) -> Wanted:
    """What is to be proved of a compiled model, and by which CPU build."""
    pair = pair_settings(model)
    return Wanted(_subject(model), None if pair is None else _subject(pair))


def _subject(model: ModelSettings) -> Subject:
    return Subject(
        Path(model.file),
        model.delegate,
        tuple(
            (name, getattr(model, name)) for name in ("mean", "std", "activation", "temperature")
        ),
    )


def load_engine(model: ModelSettings, state_dir: Path | None, *, at_work: bool = False) -> Engine:
    """The engine of a model; `at_work`: while this process looks at frames. Raises ModelError."""
    file = Path(model.file)
    remembered = None if state_dir is None else state_dir / "loaded-models"
    measured = None if state_dir is None else state_dir / "threads.json"
    pair = _pair(model)
    engine = Engine(
        file,
        labels=_labels(model, pair),
        threads=model.threads,
        activation=model.activation,
        temperature=model.temperature,
        mean=model.mean,
        std=model.std,
        delegate=model.delegate,
        prove=None if remembered is None else partial(first_load, remembered=remembered),
        calibrate=None
        if measured is None
        else partial(_calibrated, remembered=measured, at_work=at_work),
    )
    if pair is not None:
        engine.network = pair.model.sha256
    for warning in engine.warnings:
        log.warning("model %s: %s", file.stem, warning)
    return engine


def _pair(model: ModelSettings) -> Reading | None:
    """The CPU build of a compiled model."""
    settings = pair_settings(model)
    if settings is None:
        return None
    try:
        return read(settings.file, delegate=settings.delegate)
    except ModelError:  # whoever needs it to run says what is wrong with it
        return None


def _labels(model: ModelSettings, pair: Reading | None) -> Path | tuple[str, ...] | None:
    """Compiled models often come without labels: their CPU builds have them."""
    if model.labels_file is not None:
        return Path(model.labels_file)
    if pair is None or own_names(read_model(Path(model.file), model.delegate)) is not None:
        return None
    return pair.labels


def _calibrated(model: ModelFile, *, remembered: Path, at_work: bool) -> int:
    """The number of threads that this machine runs the model fastest with."""
    machine = Machine(machine_name(), usable_cores(), others_busy_s, at_work)
    return calibrated_threads(model, machine, remembered)
