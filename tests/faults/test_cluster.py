"""Several servers on one PostgreSQL, with faults at random moments. `soak/cluster.py` causes more of them."""

import shutil

import pytest

from soak.cluster import Options, trial
from support.postgres import programs

pytestmark = pytest.mark.slow


async def test_no_fault_breaks_a_guarantee() -> None:
    """Servers and PostgreSQL are killed and networks are cut, and no message is lost, repeated or unanswered.

    The hosts have one name, the servers have one process id, and their clocks differ.
    """
    if programs() is None or shutil.which("unshare") is None:
        pytest.skip("needs PostgreSQL and unshare (apt install postgresql util-linux)")
    verdict = await trial(Options(faults=11, visitors=6, every=1.0), "haproxy")

    assert not verdict.violations, verdict.examples
    assert verdict.seen["acknowledged"] >= 66  # one of each visitor before each fault
    assert [verdict.seen[kind] for kind in ("servers killed", "PostgreSQL killed", "networks cut")] == [8, 1, 2]
