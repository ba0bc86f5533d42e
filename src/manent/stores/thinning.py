"""Selects the snapshots of a conversation to keep: many recent and few old snapshots.

A turn starts from the newest snapshot. Older snapshots are needed to read an earlier state, for example after
`action_back`. The gaps between snapshots grow with their age. A conversation with a million events keeps about 24
snapshots. The stores call `superfluous` each time they add a snapshot. It does no I/O.
"""

from collections.abc import Iterable
from itertools import pairwise


def superfluous(versions: Iterable[int]) -> list[int]:
    """Return the versions of the snapshots to delete.

    The remaining snapshots have two properties:

    - The number of snapshots grows with the logarithm of the log's length.
    - To read the state `d` events before the newest snapshot, a reader starts from an older snapshot or from the start
      of the log. The starting point is at most `2 * d` events, or two spacings if this is more, before the newest
      snapshot. So a reader of that state replays at most `2 * d` events.

    Args:
        versions: versions of all snapshots of a conversation, in any order.
    """
    ordered = sorted(versions, reverse=True)
    if not ordered:
        return []
    newest = newer = ordered[0]
    gone = []
    for version, older in pairwise([*ordered[1:], 0]):
        if newer - older <= newest - newer:
            gone.append(version)
        else:
            newer = version
    return gone
