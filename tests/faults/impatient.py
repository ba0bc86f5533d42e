"""The command line with short patience: leases run out and are looked for after moments instead of half a minute.

python impatient.py run -p 5005 …
"""

import sys

from manent.cli.main import main
from manent.runtime import conversations, record, turns

if __name__ == "__main__":
    vars(record)["LEASE_S"] = vars(turns)["LEASE_S"] = 1.5
    turns.TYPING_EVERY_S = 0.4  # the lease is renewed on such an occasion
    conversations.RECOVER_EVERY_S = 0.2
    sys.exit(main(sys.argv[1:]))
