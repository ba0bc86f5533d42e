"""The identity modes: who may use a conversation. `admission.py` applies them."""

from typing import Literal

Mode = Literal["open", "minted", "jwt"]
"""Anyone who knows its id, the browser that started it, or the subject of a JSON web token."""
