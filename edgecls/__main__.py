"""The program `edgecls`, also as `python -m edgecls`. Imports nothing before it can be stopped."""

import os
import sys

from edgecls import early


def main() -> int:
    """Run the command line. A stop while Python is still importing is an orderly stop as well."""
    early.stop_on_signals()
    # Read when NumPy is imported. Its threads for large matrices only get in the way of ours: on a
    # busy machine of two cores they made a fit six times slower.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from edgecls import cli

        return cli.main()
    except KeyboardInterrupt:
        return early.status(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
