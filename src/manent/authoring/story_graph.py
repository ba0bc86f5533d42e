"""Draws stories and rules as one graph, in a single HTML file without external resources. Called by `manent visualize`.

Nodes are the bot's actions, edges are the user's messages. Paths share a node if their last few steps are equal, which
makes similar stories visible. This module reads no files.
"""

import html
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from manent.core.training_data import (
    ActionStep,
    CheckpointStep,
    LoopStep,
    OrStep,
    Rule,
    SlotStep,
    Step,
    Stories,
    Story,
    UserStep,
)

START = "start"
END = "end"

_WIDTH = 180
_HEIGHT = 30
_LABEL_WIDTH = 190
_GAP_WIDTH = 40
_TRUNK = 16
_DOWN = 50
_MARGIN = 40
_SHOWN = 26
"""Maximum number of characters of a label in the graph. A tooltip shows the whole label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node of the graph. `kind` is `start`, `end`, `action`, `loop` or `checkpoint`."""

    label: str
    kind: str


@dataclass(slots=True, kw_only=True)
class Graph:
    """The graph of stories and rules.

    Attributes:
        nodes: key → node. The start node is the first one.
        edges: (key, key) → user messages between the two nodes, without duplicates. `""` stands for an edge without a
            message.
    """

    nodes: dict[str, Node] = field(default_factory=lambda: {START: Node(label="start", kind="start")})
    edges: dict[tuple[str, str], list[str]] = field(default_factory=dict)


def build_graph(stories: Stories, *, max_history: int = 2) -> Graph:
    """Build a graph of stories and rules.

    Args:
        stories: stories and rules.
        max_history: number of the bot's last steps, at least 1, that must be equal for two paths to share a node.
    """
    graph = Graph()
    paths: list[Story | Rule] = [*stories.stories, *stories.rules]
    for path in paths:
        _add_path(graph, path, max(1, max_history))
    return graph


def _add_path(graph: Graph, story: Story | Rule, max_history: int) -> None:
    here = START
    history: tuple[str, ...] = ()
    texts: list[str] = [_slot_text(step) for step in getattr(story, "conditions", ()) if isinstance(step, SlotStep)]
    for step in story.steps:
        node = _node(step)
        if node is None:
            texts += _words(step)
            continue
        label = " ".join(texts)
        if node.kind == "checkpoint":
            key, history = f"checkpoint {node.label}", ()
        else:
            history = (*history, label, node.label)[-2 * max_history :]
            key = " / ".join(history)
        graph.nodes.setdefault(key, node)
        if not (node.kind == "checkpoint" and here == START and not texts and step is story.steps[0]):
            _connect(graph, here, key, label)
        here, texts = key, []
    graph.nodes.setdefault(END, Node(label="end", kind="end"))
    if graph.nodes[here].kind != "checkpoint" or texts:
        _connect(graph, here, END, " ".join(texts))


def _connect(graph: Graph, source: str, target: str, label: str) -> None:
    labels = graph.edges.setdefault((source, target), [])
    if label not in labels:
        labels.append(label)


def _node(step: Step) -> Node | None:
    match step:
        case ActionStep():
            return Node(label=step.name or f"“{step.text}”", kind="action")
        case LoopStep():
            return Node(label=f"loop {step.name}" if step.name else "loop ends", kind="loop")
        case CheckpointStep():
            return Node(label=step.name, kind="checkpoint")
        case _:
            return None


def _words(step: Step) -> list[str]:
    """Return the edge label of a user turn or a slot."""
    match step:
        case UserStep():
            entities = [
                f"{entity.entity}={entity.value}" if entity.value else entity.entity for entity in step.entities
            ]
            text = step.intent or f"“{step.text}”"
            return [f"{text} ({', '.join(entities)})" if entities else text]
        case SlotStep():
            return [_slot_text(step)]
        case OrStep():
            options = [
                " ".join(word for one in (option if isinstance(option, tuple) else (option,)) for word in _words(one))
                for option in step.alternatives
            ]
            return [" or ".join(options)]
        case _:
            return []


def _slot_text(slot: SlotStep) -> str:
    return f"[{slot.name}={slot.value}]" if slot.has_value else f"[{slot.name}]"


# --- drawing --------------------------------------------------------------------------------------------------------


def graph_html(graph: Graph, title: str) -> str:
    """Return an HTML page that shows the graph.

    The page scrolls, supports light and dark mode, and contains no script.
    """
    places = _places(graph)
    width = max(x for x, _ in places.values()) + _WIDTH + _LABEL_WIDTH
    height = max(y for _, y in places.values()) + _HEIGHT + _MARGIN
    drawn = [*_draw_edges(graph, places), *_draw_nodes(graph, places)]
    return _PAGE.format(title=html.escape(title), width=width, height=height, drawing="\n".join(drawn))


def _places(graph: Graph) -> dict[str, tuple[int, int]]:
    """Return the position of every node's upper left corner, in pixels.

    A node's successors are to its right. The first successor is on the same line and the others are on lines
    below, so a story reads like a line of text. If a node has several predecessors, its position depends on the first
    one.
    """
    following: dict[str, list[str]] = {key: [] for key in graph.nodes}
    reached: set[str] = set()
    for source, target in graph.edges:
        if target != END:  # an end is drawn at each node where a story ends
            following[source].append(target)
            reached.add(target)
    roots = [START, *(key for key in graph.nodes if key not in reached), *graph.nodes]
    places: dict[str, tuple[int, int]] = {}
    row = 0
    waiting = [(key, _MARGIN) for key in reversed(roots) if key != END]
    while waiting:
        key, x = waiting.pop()
        if key in places:
            continue
        places[key] = (x, row * _DOWN + _MARGIN)
        next_ones = [each for each in dict.fromkeys(following[key]) if each not in places]
        waiting += [(each, x + _WIDTH + _gap(graph.edges[key, each])) for each in reversed(next_ones)]
        row += not next_ones
    return places


def _gap(labels: list[str]) -> int:
    """Return the width between two nodes, which depends on whether the edge has a label."""
    return _LABEL_WIDTH if any(labels) else _GAP_WIDTH


def _draw_nodes(graph: Graph, places: dict[str, tuple[int, int]]) -> Iterator[str]:
    for key, (x, y) in places.items():
        node = graph.nodes[key]
        yield (
            f'<g class="{node.kind}"><title>{html.escape(node.label)}</title>'
            f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>'
            f'<text x="{x + _WIDTH // 2}" y="{y + 20}">{html.escape(_short(node.label))}</text></g>'
        )


def _draw_edges(graph: Graph, places: dict[str, tuple[int, int]]) -> Iterator[str]:
    incoming: Counter[str] = Counter()
    outgoing: Counter[str] = Counter()
    for (source, target), labels in graph.edges.items():
        x1, y1 = places[source]
        x1, y1 = x1 + _WIDTH, y1 + _HEIGHT // 2
        text = "; ".join(label for label in labels if label)
        if target == END:
            yield f'<circle cx="{x1}" cy="{y1}" r="5"><title>a story ends here</title></circle>'
            if text:
                yield _draw_label(x1 + 10, y1 + 4, text)
            continue
        x2, y2 = places[target]
        y2 += _HEIGHT // 2
        incoming[target] += 1
        if incoming[target] == 1 and x2 > x1:
            trunk = x1 + _TRUNK
            yield f'<path d="M{x1},{y1} H{trunk} V{y2} H{x2 - 2}" marker-end="url(#arrow)"/>'
        else:  # the node already has a position elsewhere, so the edge enters it from below
            trunk, below = x1 + _TRUNK, y2 + _HEIGHT // 2
            yield (
                f'<path class="back" d="M{x1},{y1} C{x1 + _LABEL_WIDTH},{y1} {x2 + _WIDTH // 2},{below + _DOWN} '
                f'{x2 + _WIDTH // 2},{below + 2}" marker-end="url(#arrow)"/>'
            )
            y2 = y1 + 12 * outgoing[source]
            outgoing[source] += 1
        if text:
            yield _draw_label(trunk + 6, y2 - 5, text)


def _draw_label(x: int, y: int, text: str) -> str:
    return f'<text class="said" x="{x}" y="{y}">{html.escape(_short(text))}<title>{html.escape(text)}</title></text>'


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1d2733; --line: #8593a3; --fill: #eef3f8; --said: #0a5a9c; --back: #fff; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e4eaf0; --line: #78889a; --fill: #26313d; --said: #7fc0f5; --back: #161c22; }}
}}
body {{ margin: 0; background: var(--back); color: var(--ink); font: 13px system-ui, sans-serif; }}
h1 {{ font-size: 16px; margin: 16px 40px 0; }}
text {{ fill: var(--ink); text-anchor: middle; }}
rect {{ fill: var(--fill); stroke: var(--line); }}
path {{ fill: none; stroke: var(--line); }}
marker path {{ fill: var(--line); }}
circle {{ fill: var(--line); }}
.start rect {{ fill: var(--back); stroke-width: 2; }}
.loop rect {{ stroke-dasharray: 5 3; }}
.checkpoint rect {{ stroke: var(--said); stroke-width: 2; }}
.back {{ stroke-dasharray: 4 4; }}
.said {{ fill: var(--said); font-size: 11px; text-anchor: start;
  paint-order: stroke; stroke: var(--back); stroke-width: 4px; }}
</style>
</head>
<body>
<h1>{title}</h1>
<svg width="{width}" height="{height}" role="img" aria-label="{title}">
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0,0 L8,4 L0,8 z"/></marker></defs>
{drawing}
</svg>
</body>
</html>
"""
