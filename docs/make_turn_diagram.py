"""Draw `docs/turn.svg` from the turn engine's state table.

    python docs/make_turn_diagram.py [--check]

With `--check`, it does not write the file. The exit status is 1 if the existing picture differs from the table.
"""
# ruff: noqa: INP001 - a program in the folder of the documents, which is not a package

import sys
from html import escape
from itertools import product
from pathlib import Path

from manent.dialogue.turn import TABLE, Outcome, State

PICTURE = Path(__file__).with_name("turn.svg")

WIDTH, HEIGHT, GAP = 330, 62, 34
LEFT, TOP = 190, 12
LABEL = 150
"""Space beside a box for the labels of its arrows."""
LANE = 16
"""Distance between arrows that run beside the boxes."""
STEP = 15
"""Distance between arrows that leave the same box."""

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.name { font-weight: 600; }
.outcome { font-size: 11px; fill: #57606a; }
rect { fill: #f6f8fa; stroke: #8c959f; }
path { fill: none; stroke: #57606a; marker-end: url(#tip); }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .outcome { fill: #9da7b3; }
  rect { fill: #161b22; stroke: #6e7681; } path { stroke: #9da7b3; }
}
""".strip()


def draw() -> str:
    """Return the picture."""
    order = list(State)
    tops = {state: TOP + number * (HEIGHT + GAP) for number, state in enumerate(order)}
    arrows: dict[tuple[State, State], list[Outcome]] = {}
    for (start, outcome), end in TABLE.items():
        arrows.setdefault((start, end), []).append(outcome)
    parts = [_box(state, tops[state]) for state in order]
    lanes, leaving = {"left": 0, "right": 0}, dict.fromkeys(product(order, ("left", "right")), 0)
    # The shortest arrows run next to the boxes, so that long ones go around them.
    for (start, end), outcomes in sorted(arrows.items(), key=lambda each: abs(tops[each[0][1]] - tops[each[0][0]])):
        label = " / ".join(outcome.name.lower().replace("_", " ") for outcome in outcomes)
        if order.index(end) == order.index(start) + 1:
            parts.append(_down(tops[start], label))
            continue
        side = "left" if tops[end] < tops[start] else "right"
        leave = tops[start] + 16 + leaving[start, side] * STEP
        parts.append(_around(leave, tops[end] + HEIGHT - 8, lanes[side], side, label))
        leaving[start, side] += 1
        lanes[side] += 1
    height = TOP + len(order) * (HEIGHT + GAP)
    width = LEFT + WIDTH + LABEL + lanes["right"] * LANE + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="States of a turn">\n<style>{STYLE}</style>\n'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" style="fill:#57606a;stroke:none;marker-end:none"/></marker></defs>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _box(state: State, top: int) -> str:
    return (
        f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text class="name" x="{LEFT + 12}" y="{top + 26}">{state.name.lower()}</text>'
        f'<text x="{LEFT + 12}" y="{top + 45}">{escape(state.value)}</text>'
    )


def _down(top: int, label: str) -> str:
    middle, start = LEFT + WIDTH // 2, top + HEIGHT
    return (
        f'<path d="M{middle} {start}V{start + GAP - 1}"/>'
        f'<text class="outcome" x="{middle + 8}" y="{start + 22}">{escape(label)}</text>'
    )


def _around(leave: int, arrive: int, lane: int, side: str, label: str) -> str:
    """Draw an arrow beside the boxes, in its own lane, with its label at the start."""
    if side == "right":
        edge, turn, anchor = LEFT + WIDTH, LEFT + WIDTH + LABEL + lane * LANE, "start"
        at = edge + 8
    else:
        edge, turn, anchor = LEFT, LEFT - LABEL - lane * LANE, "end"
        at = edge - 8
    return (
        f'<path d="M{edge} {leave}H{turn}V{arrive}H{edge}"/>'
        f'<text class="outcome" text-anchor="{anchor}" x="{at}" y="{leave - 3}">{escape(label)}</text>'
    )


def main() -> int:
    """Write the picture, or check it."""
    picture = draw()
    if "--check" in sys.argv[1:]:
        return 0 if PICTURE.read_text(encoding="utf-8") == picture else 1
    PICTURE.write_text(picture, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
