"""The documentation site is built without a warning, its search works offline, and every page can be reached."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LISTED_BY_A_PAGE = ("channels", "decisions", "lab")
"""Folders whose README.md lists their pages."""


def test_navigation_has_every_page() -> None:
    """Each page of docs/ is in the navigation, or is in a folder whose README.md links to it."""
    text = (ROOT / "mkdocs.yml").read_text()
    named = set(re.findall(r"^ +- (?:\w+: )?(\S+\.md)$", text, re.MULTILINE))
    pages = {path.relative_to(DOCS) for path in DOCS.rglob("*.md")} - {Path("start.md")}

    missing_in_nav = {str(page) for page in pages if page.parts[0] not in LISTED_BY_A_PAGE} - named
    assert missing_in_nav == set(), "add these pages to `nav` in mkdocs.yml, and to a list in docs/start.md"
    for folder in LISTED_BY_A_PAGE:
        listed = (DOCS / folder / "README.md").read_text()
        missing = [page.name for page in pages if page.parts[0] == folder and f"({page.name})" not in listed]
        assert set(missing) <= {"README.md", "template.md"}


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("web-chat.md", "manent-chat.js"),
        ("from-rasa.md", "manent data validate"),
        ("operations/several-servers.md", "manent run --port"),
        ("extending.md#a-channel", "inbox.take("),
        ("operations/backup.md", "pg_restore"),
        ("operations/runbook.md#a-message-fell-back", "diagnostics=true"),
        ("operations/upgrade.md", "manent db upgrade --rolling"),
    ],
)
def test_first_page_leads_to_the_common_tasks(page: str, expected: str) -> None:
    """One click on the first page leads to the page, or to its section, that contains the command or the code."""
    assert f"]({page})" in (DOCS / "start.md").read_text()
    name, _, anchor = page.partition("#")
    text = (DOCS / name).read_text()
    if anchor:
        text = (
            text[text.lower().index("\n## " + anchor.replace("-", " ")) :].partition("\n## ")[2].partition("\n## ")[0]
        )

    assert expected in text


@pytest.mark.slow
def test_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """MkDocs finds no broken link or anchor; no page loads anything from another site."""
    pytest.importorskip("material", reason="needs mkdocs-material (make docs installs it)")
    subprocess.run([sys.executable, str(DOCS / "make_site.py"), str(tmp_path / "source")], check=True)
    settings = (ROOT / "mkdocs.yml").read_text()
    settings = settings.replace("dist/site-source", str(tmp_path / "source")).replace(
        "dist/site", str(tmp_path / "site")
    )
    (tmp_path / "mkdocs.yml").write_text(settings)
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--config-file", str(tmp_path / "mkdocs.yml")],
        env={**os.environ, "PYTHONPATH": str(DOCS), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    site = tmp_path / "site"
    assert "kill -9" in (site / "search/search_index.json").read_text()
    for page in site.rglob("*.html"):
        text = re.sub(r"<pre.*?</pre>", "", page.read_text(), flags=re.DOTALL)
        assert "```" not in text, page.name
        assert re.search(r"\n(?:- |\d\. )\S", text) is None, f"{page.name} has a list that is not one"
        assert re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="https?://(?!www\.w3)', text) == [], page.name
    commands = (site / "reference/commands.html").read_text()
    assert "--forwarded-allow-ips" in commands
    assert "/conversations/{sender_id}/tracker" in (site / "reference/http-operations.html").read_text()
