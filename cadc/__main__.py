"""`python -m cadc` is `cadc`."""

import sys

from cadc.cli import main

sys.exit(main())
