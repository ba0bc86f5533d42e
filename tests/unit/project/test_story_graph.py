"""The graph of the stories."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

from manent.authoring.story_graph import END, START, Graph, build_graph, graph_html
from manent.core.training_data import Stories
from manent.project.reading import read_project

MakeProject = Callable[[dict[str, str]], Path]

STORIES = """stories:
- story: happy
  steps:
  - intent: greet
  - action: utter_greet
  - intent: bye
  - action: utter_bye
- story: other
  steps:
  - intent: greet
  - action: utter_greet
  - checkpoint: asked
- story: goes on
  steps:
  - checkpoint: asked
  - or: [{intent: greet}, {intent: bye, entities: [city: Rome]}]
  - slot_was_set: [requested_slot: city]
  - action: utter_bye
  - active_loop: null
  - bot: See <you>
"""


def graph_of(make_project: MakeProject, **options: int) -> Graph:
    """Return the graph of a project that has only these stories."""
    root = make_project({"data/rules.yml": STORIES, "domain.yml": DOMAIN})
    return build_graph(read_project(root).stories, **options)


DOMAIN = """intents: [greet, bye]
entities: [city]
slots: {s: {type: text, mappings: []}}
forms: {f: {required_slots: [s]}}
responses: {utter_greet: [{text: a}], utter_bye: [{text: b}], utter_ask_s: [{text: c}]}
"""


def test_stories_share_their_beginning(make_project: MakeProject) -> None:
    """Common steps are one node, and a checkpoint joins stories."""
    graph = graph_of(make_project)

    labels = [node.label for node in graph.nodes.values()]
    assert labels.count("utter_greet") == 1
    assert labels.count("asked") == 1
    first = next(key for key, node in graph.nodes.items() if node.label == "utter_greet")
    assert graph.edges[START, first] == ["greet"]
    assert graph.edges[first, "checkpoint asked"] == [""]
    assert sum(source == first for source, _ in graph.edges) == 2


def test_what_the_user_says(make_project: MakeProject) -> None:
    """Edges have intents, entities, alternatives and slots."""
    graph = graph_of(make_project)

    ((label,),) = [said for (source, _), said in graph.edges.items() if source == "checkpoint asked"]
    assert label == "greet or bye (city=Rome) [requested_slot=city]"


def test_history_decides_what_is_shared(make_project: MakeProject) -> None:
    """A longer history shares fewer nodes."""
    assert len(graph_of(make_project, max_history=1).nodes) <= len(graph_of(make_project, max_history=5).nodes)
    assert END in graph_of(make_project).nodes


def test_page(make_project: MakeProject) -> None:
    """The page is complete, well-formed and escaped, and loads nothing from other servers."""
    graph = graph_of(make_project)
    page = graph_html(graph, "My <bot>")

    svg = page[page.index("<svg") : page.index("</svg>") + 6]
    drawing = ET.fromstring(svg)  # noqa: S314 - made here
    assert len(list(drawing.iter("rect"))) == len(graph.nodes) - 1
    assert len(list(drawing.iter("circle"))) == sum(target == END for _, target in graph.edges)
    assert "My &lt;bot&gt;" in page
    assert "“See &lt;you&gt;”" in page
    assert not re.search(r"https?://|<script|src=|href=", page)


def test_no_stories() -> None:
    """Without stories, the page has only the start node."""
    assert "start" in graph_html(build_graph(Stories()), "empty")
