"""What is wrong with a configuration, found without starting anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from edgecls.assembly import advised
from edgecls.builds import model_settings
from edgecls.decision.decider import Decider
from edgecls.decision.judge import Judge
from edgecls.delivery.session import check as check_broker
from edgecls.device import device_id, state_dir
from edgecls.engines import reading_of
from edgecls.errors import ConfigError, ModelError
from edgecls.good import told_of
from edgecls.lastgood import LastGood, last_good_folder
from edgecls.settings import Config, DecisionSettings, WatchSettings
from edgecls.sources import check_source
from edgecls.vision.model_file import read_model


def check(config: Config, returned: Collection[str] = ()) -> tuple[Config, list[str]]:
    """All that `assembled` would find wrong, without a runtime.

    Returns the configuration with what the models have to say, and their warnings. What is wrong
    with the models of watches that have `returned` to their last good one is a warning, too.
    """
    watches: dict[str, WatchSettings] = {}
    warnings: list[str] = []
    for name, camera in config.cameras.items():
        check_source(name, camera, config.base)
    if config.mqtt is not None:
        check_broker(config.mqtt, config.base)
    for name, settings in config.watches.items():
        try:
            reading = reading_of(config, settings.model)
        except ModelError as error:
            if name not in returned:
                raise
            watches[name] = settings
            warnings.append(f"watch {name} goes on with its last good model: {error}")
            continue
        watches[name] = advised(settings, reading.model)
        Decider(name, settings.model, reading.labels, watches[name], sigmoid=reading.sigmoid)
        warnings += [f"model {settings.model}: {warning}" for warning in reading.warnings]
        warnings += _warnings_of_leaving(name, watches[name].decision)
        warnings += _warnings_of_shadow(config, name, settings)
    return replace(config, watches=watches), warnings


def running_otherwise(config: Config) -> Mapping[str, str]:
    """The watches whose daemon runs another model than the one that is named, by what it has left
    in its state folder; with a sentence. What cannot be read says nothing."""
    try:
        folder = state_dir(config.device, config.base)
    except ConfigError:  # of us; the daemon may be another user's
        return {}
    left = LastGood(last_good_folder(folder, device_id(config.device)))
    found = {}
    for name, watch in config.watches.items():
        try:
            settings = model_settings(config, watch.model)
            model = read_model(Path(settings.file), settings.delegate)
        except ModelError:  # whoever checks the configuration says so
            continue
        if told := told_of(left.of(name), model.sha256):
            found[name] = told
    return found


def _warnings_of_leaving(name: str, decision: DecisionSettings) -> list[str]:
    """Any score supports a state whose leave_score is 0, which is also half of a min_score of 0."""
    if decision.leave_score == 0:
        return [f"watch {name}: with leave_score 0 a state never ends by itself"]
    leave = "" if decision.leave_score else ", for leave_score is half of it"
    scores = {"min_score": decision.least_score}
    scores |= {f'min_score "{label}"': s for label, s in decision.min_score_by_label.items()}
    return [
        f"watch {name}: with {key} 0 a state never ends by itself{leave}"
        for key, score in scores.items()
        if score == 0
    ]


def _warnings_of_shadow(config: Config, name: str, settings: WatchSettings) -> list[str]:
    if settings.shadow is None:
        return []
    try:
        reading = reading_of(config, settings.shadow)
        suited = advised(settings, reading.model)
        Judge(reading.labels, suited, sigmoid=reading.sigmoid, place=f"watches.{name}")
    except (ConfigError, ModelError) as error:
        return [f"watch {name} goes on without its shadow: {error}"]
    return [f"model {settings.shadow}: {warning}" for warning in reading.warnings]
