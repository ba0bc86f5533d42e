"""Stand-ins for `rasa.shared.utils.io`."""

import json
import warnings
from pathlib import Path
from typing import Any


def json_to_string(obj: Any, **kwargs: Any) -> str:
    """Return an object as JSON, indented."""
    return json.dumps(obj, indent=kwargs.pop("indent", 2), ensure_ascii=kwargs.pop("ensure_ascii", False), **kwargs)


def raise_warning(message: str, category: type[Warning] | None = None, docs: str | None = None, **_: Any) -> None:
    """Issue a warning."""
    warnings.warn(f"{message} {docs or ''}".strip(), category or UserWarning, stacklevel=3)


def read_file(filename: str | Path, encoding: str = "utf-8") -> str:
    """Return the text of a file."""
    return Path(filename).read_text(encoding)


def read_json_file(filename: str | Path) -> Any:
    """Return the contents of a JSON file."""
    return json.loads(read_file(filename))
