"""Stand-ins for `rasa.shared.utils.io`."""

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any


def json_to_string(obj: Any, **kwargs: Any) -> str:
    """Return an object as indented JSON."""
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


def read_yaml(content: str) -> Any:
    """Return the data of a YAML text."""
    import yaml

    return yaml.safe_load(content)


def read_yaml_file(filename: str | Path) -> Any:
    """Return the data of a YAML file."""
    return read_yaml(read_file(filename))


read_config_file = read_yaml_file


def write_text_file(
    content: str,
    file_path: str | Path,
    encoding: str = "utf-8",
    append: bool = False,  # noqa: FBT001, FBT002  # Rasa's signature
) -> None:
    """Write a text to a file."""
    with Path(file_path).open("a" if append else "w", encoding=encoding) as file:
        file.write(content)


def dump_obj_as_json_to_file(filename: str | Path, obj: Any) -> None:
    """Write an object to a JSON file."""
    write_text_file(json.dumps(obj, ensure_ascii=False, indent=2), filename)


def create_directory(directory_path: str | Path) -> None:
    """Create a folder and its parent folders."""
    Path(directory_path).mkdir(parents=True, exist_ok=True)


def create_directory_for_file(file_path: str | Path) -> None:
    """Create the folder of a file."""
    create_directory(Path(file_path).parent)


def list_files(path: str | Path) -> list[str]:
    """Return the paths of the files in a folder and its subfolders."""
    return [str(found) for found in sorted(Path(path).rglob("*")) if found.is_file()]


def get_text_hash(text: str | bytes, encoding: str = "utf-8") -> str:
    """Return a hash of a text."""
    return hashlib.md5(  # Rasa's classes expect this; no secret depends on the hash
        text.encode(encoding) if isinstance(text, str) else text, usedforsecurity=False
    ).hexdigest()


def deep_container_fingerprint(obj: Any, encoding: str = "utf-8") -> str:
    """Return a hash of plain data."""
    return get_text_hash(json.dumps(obj, sort_keys=True, default=str), encoding)


def raise_deprecation_warning(message: str, *_: Any, **__: Any) -> None:
    """Issue a deprecation warning."""
    warnings.warn(message, FutureWarning, stacklevel=3)
