"""`manent visualize`: draw stories and rules as a graph."""

from pathlib import Path
from typing import Annotated

import typer

from manent.core.errors import ManentError

Source = Annotated[
    list[Path] | None, typer.Option("-s", "--stories", "--data", metavar="PATH...", help="Stories. Default: data.")
]
Target = Annotated[Path, typer.Option("--out", metavar="FILE", help="Output HTML file.")]
MaxHistory = Annotated[
    int,
    typer.Option(
        "--max-history", metavar="N", min=1, help="Number of equal steps after which two paths of the graph are merged."
    ),
]
NoRules = Annotated[bool, typer.Option("--no-rules", help="Draw only the stories.")]


def visualize(
    *, stories: Source = None, out: Target = Path("graph.html"), max_history: MaxHistory = 2, no_rules: NoRules = False
) -> None:
    """Draw stories and rules as a graph in a single HTML file without external resources."""
    from manent.authoring.story_graph import build_graph, graph_html
    from manent.core.training_data import Stories
    from manent.project.data.stories import read_test_stories
    from manent.project.files import STORY_SUFFIXES, find_files

    found = read_test_stories(find_files(stories or [Path("data")], STORY_SUFFIXES))
    if no_rules:
        found = Stories(stories=found.stories)
    if not (found.stories or found.rules):
        raise ManentError("visualize.no_stories", "there are no stories; choose a file or folder with --stories")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(graph_html(build_graph(found, max_history=max_history), Path.cwd().name), encoding="utf-8")
    print(f"Drew {len(found.stories)} stories and {len(found.rules)} rules into {out}")
