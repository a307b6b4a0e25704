"""The program `edgecls`, also as `python -m edgecls`. Imports nothing before it can be stopped."""

import sys

from edgecls import early


def main() -> int:
    """Run the command line. A stop while Python is still importing is an orderly stop as well."""
    early.stop_on_signals()
    try:
        from edgecls import cli

        return cli.main()
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
