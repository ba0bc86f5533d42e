"""The built web chat.

`npm run build` in `web/` writes it to the folder `static/` next to this file. The server serves the page from this
folder. In a checkout, `static/` is missing until `make web` builds it. A wheel always contains it (`hatch_build.py`).
"""

from pathlib import Path

STATIC = Path(__file__).parent / "static"
"""Folder of the built page. The entry page is `index.html`."""
