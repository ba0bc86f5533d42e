"""How many snapshots a conversation keeps, and how far back a reader has to go for one."""

from itertools import pairwise

from manent.stores.thinning import superfluous


def grown(events: int, spacing: int = 200) -> list[int]:
    """The snapshots of a conversation that was given one every so many events."""
    kept: list[int] = []
    for version in range(spacing, events + 1, spacing):
        kept.append(version)
        gone = set(superfluous(kept))
        kept = [version for version in kept if version not in gone]
    return kept


def test_a_million_events_keep_two_dozen_snapshots() -> None:
    """The number of snapshots grows by two when the log's length doubles, not with the log."""
    counts = [len(grown(length)) for length in (10_000, 100_000, 1_000_000)]

    assert counts[-1] <= 24
    assert all(after - before <= 8 for before, after in pairwise(counts))


def test_every_state_has_a_snapshot_within_twice_its_distance() -> None:
    """Whoever goes back finds a snapshot, or the log's beginning, at most twice as far back."""
    kept = grown(200_000)
    for back in range(200, 200_000, 61):
        reached = max((version for version in kept if version <= 200_000 - back), default=0)
        assert 200_000 - reached <= 2 * back


def test_newest_is_never_superfluous() -> None:
    """The snapshot that a turn starts from stays, alone or in company, in whatever order they are given."""
    assert superfluous([]) == []
    assert superfluous([7]) == []
    assert 9 not in superfluous([9, 1, 8, 2, 7, 3, 6])
