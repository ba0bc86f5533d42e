"""Checks the `version:` of files to determine which files are read, and in which format.

Called by the readers of domains and of training data.
"""

import re

from manent.project.problems import Report, Spot, quoted

NEWEST = (3, 1)


def read_version(document: object, file: str, report: Report) -> tuple[int, int] | None:
    """Return the format version that a file declares, or None if it declares none.

    Report an error for a version that is not a string, and a warning for a version in an unknown notation.
    """
    spot = Spot(document, file, 1, "", report).get("version")
    if spot is None:
        return None
    if not isinstance(spot.value, str):
        spot.error("file.version", "the version as a string in quotes", f'Write version: "{spot.value}"')
        return None
    match = re.fullmatch(r"\s*(\d{1,4})\.(\d{1,4})(?:\.\d+)*\s*", spot.value)
    if match is None:
        spot.warn("file.version", 'a version such as "3.1" (the file is read as version 3.1)', found=quoted(spot.value))
        return None
    return int(match[1]), int(match[2])


def is_readable(version: tuple[int, int] | None, file: str, line: int, report: Report) -> bool:
    """Return whether this version is supported. A file of a newer format is skipped with a warning, as in Rasa."""
    if version is None or version <= NEWEST:
        return True
    report.warn(
        file,
        line,
        "version",
        "file.newer-version",
        found=f'"{version[0]}.{version[1]}"',
        expected='at most "3.1" (the whole file is skipped)',
    )
    return False
