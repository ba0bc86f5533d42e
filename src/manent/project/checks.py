"""Checks that need more than one file: names that are used and defined nowhere, and the other way round.

Called by `reading` once all files are read. What a broken file would have defined is not called unknown.
"""

from dataclasses import dataclass

from manent.core.domain import Domain
from manent.core.training_data import AssistantConfig, NluData, Stories
from manent.project.domain_files import RawDomain
from manent.project.problems import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """All of a project that could be read, and which parts of it are incomplete."""

    domain: Domain
    nlu: NluData
    stories: Stories
    config: AssistantConfig
    raw: RawDomain
    is_nlu_broken: bool = False
    are_stories_broken: bool = False
    is_config_broken: bool = False


def check_project(parsed: Parsed, report: Report) -> None:
    """Report what does not fit together."""
