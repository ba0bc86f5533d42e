"""Restores comments that were removed or moved when a YAML file was rewritten.

Called by `migration`. ruamel.yaml attaches a comment to the value above it, and moves both together. This module
compares the old text with the new text line by line. It inserts each missing comment before the line that followed the
comment in the old text.
"""

from collections import Counter
from collections.abc import Iterator


def restore_comments(old: str, new: str) -> str:
    """Add the comments that only the old text contains to the new text, and return the result.

    Also restore blank lines before top-level keys.
    """
    old_lines = old.rstrip("\n").split("\n")
    lines = _blocks_after_mappings(new.rstrip("\n").split("\n"))
    missing = Counter(comment for _, comment in _comments(old_lines))
    missing.subtract(comment for _, comment in _comments(lines))
    for index, comment in _comments(old_lines):
        if missing[comment] > 0:
            missing[comment] -= 1
            _insert(lines, old_lines, index, comment)
    for index, line in enumerate(old_lines):
        above = index
        while above and old_lines[above - 1].startswith("#"):
            above -= 1
        if above and _is_key(line) and not old_lines[above - 1].strip():
            _separate(lines, line)
    return "\n".join(_without_new_blanks(old_lines, lines)) + "\n"


def _without_new_blanks(old: list[str], lines: list[str]) -> list[str]:
    """Remove blank lines that are not in the old text."""
    spaced = {old[index + 1].strip() for index, line in enumerate(old[:-1]) if not line.strip()}
    return [
        line
        for index, line in enumerate(lines)
        if line.strip() or index + 1 == len(lines) or lines[index + 1].strip() in spaced
    ]


def _comments(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield line index and text of every comment."""
    for index, line in enumerate(lines):
        start = _comment_start(line)
        if start is not None:
            yield index, line[start:].rstrip()


def _comment_start(line: str) -> int | None:
    quote = ""
    for index, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and (index == 0 or line[index - 1] in " [{,"):
            quote = character
        elif character == "#" and (index == 0 or line[index - 1] in " \t"):
            return index
    return None


def _content(line: str) -> str:
    """Return a line without its comment."""
    start = _comment_start(line)
    return (line if start is None else line[:start]).strip()


def _is_key(line: str) -> bool:
    return bool(line.strip()) and not line.startswith((" ", "\t", "-", "#"))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _insert(lines: list[str], old: list[str], index: int, comment: str) -> None:
    """Insert a comment before the line that followed it in the old text.

    If there is no such line, append the comment.
    """
    content = _content(old[index])
    if content:
        found = _find(lines, old, index)
        if found is not None and _comment_start(lines[found]) is None:
            lines[found] = f"{lines[found]}  {comment}"
            return
    follower = next((i for i in range(index + (not content), len(old)) if _content(old[i])), None)
    found = _find(lines, old, follower) if follower is not None else None
    if found is None:
        lines.append(comment)
    else:
        lines.insert(found, " " * _indent(lines[found]) + comment)


def _find(lines: list[str], old: list[str], index: int) -> int | None:
    """Return the index of an old line in the new text.

    Search the same section first, for a key or a list item with the same name.
    """
    content = _content(old[index])
    if _is_key(old[index]):
        return next((i for i, line in enumerate(lines) if _is_key(line) and _key(line) == _key(content)), None)
    section = next((_key(old[i]) for i in range(index, -1, -1) if _is_key(old[i])), "")
    start = next((i for i, line in enumerate(lines) if _is_key(line) and _key(line) == section), 0)
    end = next((i for i in range(start + 1, len(lines)) if _is_key(lines[i])), len(lines))
    wanted = (content, f"- {content.removesuffix(':')}" if content.endswith(":") else content)
    for places in (range(start, end), range(len(lines))):
        for text in wanted:
            for i in places:
                if _content(lines[i]) == text:
                    return i
    return None


def _key(line: str) -> str:
    return _content(line).partition(":")[0]


def _separate(lines: list[str], key_line: str) -> None:
    """Insert a blank line before a top-level key, or before the comments above it, if there is none."""
    found = next((i for i, line in enumerate(lines) if _is_key(line) and _key(line) == _key(key_line)), None)
    while found and lines[found - 1].lstrip().startswith("#"):
        found -= 1
    if found and lines[found - 1].strip():
        lines.insert(found, "")


def _blocks_after_mappings(lines: list[str]) -> list[str]:
    """Move blank lines and comments that precede an added `mappings:` block to the end of the block."""
    result: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        if line.strip() == "mappings:":
            held: list[str] = []
            while result and (not result[-1].strip() or result[-1].lstrip().startswith("#")):
                held.insert(0, result.pop())
            end = index + 1
            while end < len(lines) and (
                _indent(lines[end]) > _indent(line)
                or (_indent(lines[end]) == _indent(line) and lines[end].lstrip().startswith("- "))
            ):
                end += 1
            result += [*lines[index:end], *held]
            index = end
        else:
            result.append(line)
            index += 1
    return result
