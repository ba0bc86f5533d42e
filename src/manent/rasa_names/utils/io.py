"""Stand-ins for `rasa.utils.io`."""

import pickle
from pathlib import Path
from typing import Any

from manent.rasa_names.shared.utils.io import (
    create_directory,
    create_directory_for_file,
    dump_obj_as_json_to_file,
    json_to_string,
    read_file,
    read_json_file,
    read_yaml_file,
    write_text_file,
)


def json_pickle(file_name: str | Path, obj: Any) -> None:
    """Write plain data to a JSON file. Unlike Rasa, this function does not support objects of other classes."""
    dump_obj_as_json_to_file(file_name, obj)


def json_unpickle(file_name: str | Path, **_: Any) -> Any:
    """Read a file that `json_pickle` has written."""
    return read_json_file(file_name)


def pickle_dump(filename: str | Path, obj: Any) -> None:
    """Write an object to a file. A server reads the file only if `trust_model_code` is set."""
    Path(filename).write_bytes(pickle.dumps(obj))


def pickle_load(filename: str | Path) -> Any:
    """Read a file that `pickle_dump` has written."""
    return pickle.loads(Path(filename).read_bytes())  # noqa: S301  # loading rejects models with code by default


__all__ = [
    "create_directory",
    "create_directory_for_file",
    "dump_obj_as_json_to_file",
    "json_pickle",
    "json_to_string",
    "json_unpickle",
    "pickle_dump",
    "pickle_load",
    "read_file",
    "read_json_file",
    "read_yaml_file",
    "write_text_file",
]
