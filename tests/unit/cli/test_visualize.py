"""`manent visualize`: one file with the picture."""

from collections.abc import Callable
from pathlib import Path

Manent = Callable[[str], tuple[int, str]]


def test_one_file(manent: Manent, shop: Path) -> None:
    """Stories and rules are drawn into one page; --no-rules leaves the rules out."""
    assert manent("visualize") == (0, "Drew 1 stories and 2 rules into graph.html\n")
    assert "fruit_form" in (shop / "graph.html").read_text()
    assert manent("visualize -s data/stories.yml --out pictures/all.html --no-rules")[0] == 0
    page = (shop / "pictures/all.html").read_text()

    assert "utter_welcome" in page
    assert "fruit_form" not in page


def test_nothing_to_draw(manent: Manent) -> None:
    """Without stories the command says where it looks for them."""
    assert manent("visualize -s data/nlu.yml") == (
        1,
        "Error: there are no stories; choose a file or folder with --stories\n",
    )
