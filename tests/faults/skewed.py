"""The command line on a machine whose clock is wrong.

python skewed.py SECONDS run -p 5005 …
"""

import sys
import time

if __name__ == "__main__":
    ahead_s, real = float(sys.argv[1]), time.time
    vars(time)["time"] = lambda: real() + ahead_s

    from manent.cli.main import main

    sys.exit(main(sys.argv[2:]))
