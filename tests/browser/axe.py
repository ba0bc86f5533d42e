"""Accessibility checks with axe-core."""

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """Return the violations that axe finds, one line each with the element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    options = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
    found: Any = page.evaluate(f"axe.run(document, {json.dumps(options)}).then(found => found.violations)")
    return [f"{item['id']}: {node['html'][:200]}" for item in found for node in item["nodes"]]
