"""The first run of a base happens in a child process: a runtime that crashes takes only that.

`python -m edgecls.teaching.first_run SETTINGS` is the child.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from edgecls.errors import EdgeclsError
from edgecls.settings import ModelSettings
from edgecls.teaching.base import Base, Embedder, read_base
from edgecls.vision.first_load import first_load
from edgecls.vision.model_file import extractor_of


def first_run(base: Base, settings: ModelSettings, cache: Path | None) -> None:
    """Make an embedding of nothing in a child process, unless this runtime did so before.

    `settings` are those that the base was read by. That it went well is remembered beside the
    folder `cache`. Raises ModelError where the base crashes or hangs the runtime, or fails.
    """
    backbone = extractor_of(base.reading.model.path, base.backbone)
    if backbone.edge_tpu:  # of which there is one, for one process at a time
        return
    remembered = None if cache is None else cache.with_name("loaded")
    first_load(backbone, remembered, __name__, json.dumps(asdict(settings)))


def main(arguments: list[str]) -> int:
    """The child's exit status; its last line on stderr is the reason."""
    try:
        base = read_base(ModelSettings(**json.loads(arguments[0])))
        with Embedder(base) as embedder:
            embedder.embed(np.zeros((embedder.height, embedder.width, 3), np.uint8))
    except EdgeclsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
