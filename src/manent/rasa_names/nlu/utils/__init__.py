"""Stand-ins for `rasa.nlu.utils`."""

import json
from typing import Any

from manent.rasa_names.shared.utils.io import dump_obj_as_json_to_file


def write_json_to_file(filename: str, obj: Any, **kwargs: Any) -> None:
    """Write an object to a JSON file."""
    dump_obj_as_json_to_file(filename, json.loads(json.dumps(obj, **kwargs)))


def write_to_file(filename: str, text: Any) -> None:
    """Write a text to a file."""
    with open(filename, "w", encoding="utf-8") as file:  # noqa: PTH123  # the name can be a string or a path
        file.write(str(text))
