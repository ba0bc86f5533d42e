"""Which of a conversation's snapshots are kept: many of the recent past, ever fewer of the distant one.

A turn starts from the newest snapshot. Older ones serve reads that go back beyond what it holds (a rewind, `back`), so
they may lie the further apart the older they are: a conversation of a million events keeps some two dozen. The stores
call this whenever a snapshot is added; it does no I/O.
"""

from collections.abc import Iterable
from itertools import pairwise


def superfluous(versions: Iterable[int]) -> list[int]:
    """Return the snapshots that need not be kept.

    What stays holds two promises. The number of snapshots grows with the logarithm of the log's length. And whoever
    wants a state `d` events before the newest snapshot finds one (or the log's beginning) that is at most `2 * d`
    events before the newest, two spacings at least: going back reads at most twice as far as it goes.

    Args:
        versions: of all snapshots of a conversation, in any order.
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
