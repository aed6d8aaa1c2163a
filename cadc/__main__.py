"""`python -m cadc` is `cadc`."""

import sys

from cadc.cli import main

if __name__ == "__main__":
    sys.exit(main())
