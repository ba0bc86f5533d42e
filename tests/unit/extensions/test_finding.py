"""How a name in a project's files becomes a class."""

import importlib.metadata
import sys
from pathlib import Path

import pytest

from manent.channels.rest import RestChannel
from manent.extensions.finding import BadExtension, find, known_names
from manent.extensions.points import BROKERS, CHANNELS, COMPONENTS, POLICIES, STORES

MODULE = """
class Kiosk:
    name = "kiosk"
    output = None
    def routes(self, inbox): return []
    async def open(self): ...
    async def close(self): ...

class Half:
    def routes(self, inbox): return []

number = 5
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder on the import path, with the module `shop_channels`."""
    (tmp_path / "shop_channels.py").write_text(MODULE)
    (tmp_path / "shop_broken.py").write_text("value = 1\nraise RuntimeError('no key')\n")
    (tmp_path / "shop_hungry.py").write_text("import not_installed_library\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("shop_channels", "shop_broken", "shop_hungry"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def register(folder: Path, package: str, target: str) -> None:
    """Install a package that registers a channel `kiosk`."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[manent.channels]\nkiosk = {target}\n")


def test_a_built_in_class_is_found_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A built-in name needs no search through the installed packages."""
    register(folder, "rival", "shop_channels:Kiosk")
    monkeypatch.setattr(importlib.metadata, "entry_points", None)

    assert find(CHANNELS, "rest") is RestChannel


def test_every_built_in_class_exists() -> None:
    """Each entry of the tables can be imported and declares its options."""
    for point in (CHANNELS, BROKERS, STORES, COMPONENTS, POLICIES):
        for name in point.built_in:
            assert hasattr(find(point, name), "options"), name


def test_a_package_registers_a_class(folder: Path) -> None:
    """An entry point gives a class its short name, and the name is suggested for misspelt ones."""
    register(folder, "kiosks", "shop_channels:Kiosk")

    assert find(CHANNELS, "kiosk").__name__ == "Kiosk"
    assert "kiosk" in known_names(CHANNELS)
    assert find(CHANNELS, "kisok") is None
    assert find(BROKERS, "kiosk") is None


def test_two_packages_with_one_name_are_reported(folder: Path) -> None:
    """It is never left to chance which of two packages a project gets."""
    register(folder, "kiosks", "shop_channels:Kiosk")
    register(folder, "rivals", "shop_channels:Half")

    with pytest.raises(BadExtension, match="shop_channels:Half, shop_channels:Kiosk"):
        find(CHANNELS, "kiosk")


@pytest.mark.usefixtures("folder")
def test_the_path_of_a_class() -> None:
    """A name with a dot is a module of the project and a class in it."""
    assert find(CHANNELS, "shop_channels.Kiosk").__name__ == "Kiosk"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "found", "wrong", "near"),
    [
        ("shop_chanels.Kiosk", 'no module named "shop_chanels"', "shop_chanels", "shop_channels"),
        ("shop_channels.Kisok", 'no class "Kisok"', "Kisok", "Kiosk"),
        ("shop_channels.number", "a int", "", ""),
        ("shop_channels.Half", "a class without open and close", "", ""),
        ("shop_broken.Kiosk", "RuntimeError when it is imported: no key (line 2 of", "", ""),
        ("shop_hungry.Kiosk", "'not_installed_library', which it imports", "", ""),
    ],
)
def test_what_cannot_be_used_is_explained(name: str, found: str, wrong: str, near: str) -> None:
    """Each reason names the wrong part and, where a name is misspelt, the names that exist."""
    with pytest.raises(BadExtension) as caught:
        find(CHANNELS, name)

    assert found in caught.value.found
    assert caught.value.wrong == wrong
    assert near == "" or near in caught.value.known


def test_a_missing_library_of_a_built_in_class_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, "sanic", None)
    point = type(CHANNELS)(what="channel", group="x", methods=(), built_in={"a": "manent.no_such_module:Thing"})

    with pytest.raises(BadExtension, match="Install the package"):
        find(point, "a")
