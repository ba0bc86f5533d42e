"""Finding the files of a project, and their kinds."""

from pathlib import Path

from manent.project.files import find_files, is_nlu, is_stories, is_test_file


def test_walks_and_follows_links(tmp_path: Path) -> None:
    """Folders are read in the order of names, each file once, with links and without hidden and other files."""
    for name in ("b/x.yml", "a/y.yaml", ".git/z.yml", "a/notes.txt", "elsewhere/w.yml"):
        path = tmp_path / "data" / name if name != "elsewhere/w.yml" else tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "data/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/a/loop").symlink_to(tmp_path / "data")

    found = find_files([tmp_path / "data", tmp_path / "data/b"])

    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "data/a/y.yaml",
        "data/b/x.yml",
        "data/link/w.yml",
    ]


def test_subdirectories_last(tmp_path: Path) -> None:
    """The files of a directory are read before its subdirectories, even if their names are later in the alphabet."""
    for name in ("a/x.yml", "a/b/y.yml", "a/z.yml", "z.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    found = find_files([tmp_path], subdirectories_last=True)

    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["z.yml", "a/x.yml", "a/z.yml", "a/b/y.yml"]


def test_sniffing() -> None:
    """The first words of a file's lines decide its kind. A file can have several kinds."""
    assert is_nlu("version: '3.1'\n  nlu:\n")
    assert is_nlu("responses:\n")
    assert is_stories("a: 1\nrules:\n")
    assert not is_stories("# stories: none\nmy_stories:\n")
    assert not is_nlu("text: nlu: x")


def test_names_of_test_files() -> None:
    """A file is a test story if its name has the prefix."""
    assert is_test_file(Path("tests/test_stories.yml"))
    assert not is_test_file(Path("tests/stories_test.yml"))
    assert not is_test_file(Path("tests/test_stories.md"))
