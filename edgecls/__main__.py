"""`python -m edgecls` is `edgecls`."""

import sys

from edgecls.cli import main

sys.exit(main())
