"""The built web chat: `npm run build` in `web/` writes it to `static/` beside this file, the server serves it.

`static/` is missing in a checkout until it is built (`make web`), and never missing in a wheel (`hatch_build.py`).
"""

from pathlib import Path

STATIC = Path(__file__).parent / "static"
"""Folder of the built page; its entry is `index.html`."""
