"""Memory does not grow with the visits that a server has had. `soak/memory.py` measures the same at full counts."""

from pathlib import Path

import pytest

from soak.memory import measure, serving

KIB = 1024.0


@pytest.mark.parametrize(
    ("kind", "count", "at_most_kib"),
    [
        ("websockets", 2_000, 1.0),  # 23 if each is part of a reference cycle
        ("polling", 2_000, 2.0),  # half of them stop polling, and stay until they miss a ping
        pytest.param("conversations", 5_000, 1.5, marks=pytest.mark.slow),
        pytest.param("swaps", 30, 60.0, marks=pytest.mark.slow),  # 270 if each replaced model is part of one
    ],
)
def test_a_visit_leaves_nothing(tmp_path: Path, kind: str, count: int, at_most_kib: float) -> None:
    """The growth of a server, by the number of visits, stays far below what one visit takes."""
    with serving(tmp_path) as server:
        series = measure(server, kind, count, rest_s=1.0)
        if series.growth_mb * KIB / count > at_most_kib:  # sessions that stopped polling end after 45 s
            series = measure(server, kind, count, rest_s=50.0)

    assert series.growth_mb * KIB / count <= at_most_kib, series
