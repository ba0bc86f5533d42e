"""Makes `python -m manent` run the command `manent`."""

import sys

from manent.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
