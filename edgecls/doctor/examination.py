"""Every check, in the order in which the service needs what they test."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib import import_module

from edgecls.doctor.findings import Finding, Patient, failed
from edgecls.errors import EdgeclsError, one_line

log = logging.getLogger(__name__)

# By the name of their file and function: a file is imported when its turn comes, so that a NumPy
# that cannot be imported is a finding like any other and not the end of the examination.
CHECKS = (
    ("system", "python"),
    ("system", "runtime"),
    ("system", "numpy"),
    ("settings", "config"),
    ("models", "model"),
    ("models", "golden_picture"),
    ("models", "first_invoke"),
    ("accelerator", "edge_tpu"),
    ("cameras", "camera"),
    ("cameras", "camera_memory"),
    ("cameras", "frames"),
    ("storage", "disk"),
    ("storage", "clock"),
    ("broker", "broker"),
    ("board", "temperature"),
    ("board", "power"),
    ("unit", "service"),
)


def examine(patient: Patient) -> Iterator[Finding]:
    """The findings of every check; one that breaks is a finding, and never stops the others."""
    for room, check in CHECKS:
        try:
            yield from getattr(import_module(f"edgecls.doctor.{room}"), check)(patient)
        except Exception as error:  # whatever it is, the next check is still due
            log.debug("the check %s broke", check, exc_info=True)
            named = "" if isinstance(error, EdgeclsError) else f"{type(error).__name__}: "
            yield failed(
                check,
                one_line(f"{named}{error}"),
                "mend what this says; if it says nothing, `edgecls doctor --debug` tells more",
            )
