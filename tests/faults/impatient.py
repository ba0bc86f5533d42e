"""The command line with short patience: for leases, which run out after moments, and for a locked database.

python impatient.py run -p 5005 …
"""

import sys

from manent.cli.main import main
from manent.runtime.conversation import registry
from manent.server import app
from manent.stores.sqlite import connection
from manent.stores.sqlite import file as database_file

if __name__ == "__main__":
    vars(app)["LEASE_S"] = 1.5
    vars(database_file)["BUSY_TIMEOUT_S"] = vars(connection)["BUSY_TIMEOUT_S"] = 0.3
    registry.RECOVERY_INTERVAL_S = 0.2
    sys.exit(main(sys.argv[1:]))
