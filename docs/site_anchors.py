"""The anchors of headings on the documentation site: the same as on GitHub, so that links work in both places."""
# ruff: noqa: INP001 - a module beside the documents, which MkDocs imports

import re


def anchor(heading: str, separator: str = "-") -> str:
    """Return the anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)
