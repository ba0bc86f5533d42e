"""Whatever the files hold, reading them gives a project or a ProjectError, and nothing else."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from manent.core.errors import ProjectError
from manent.dialogue.conflicts import find_conflicts
from manent.project.data.annotations import AnnotationError, parse_annotated
from manent.project.problems import Report
from manent.project.reading import Project, read_project, validate_project
from manent.project.settings.credentials import read_credentials
from manent.project.settings.endpoints import Endpoints, read_endpoints
from manent.project.yaml.documents import Broken, parse_document, plain
from manent.project.yaml.scalars import read_scalar

WORDS = tuple(
    """
    version nlu intent examples synonym regex lookup responses stories story steps rules rule condition action user
    bot slot_was_set active_loop checkpoint or entities metadata intents use_entities ignore_entities slots type text
    float categorical values mappings from_entity from_text from_intent custom conditions requested_slot value forms
    required_slots ignored_intents actions send_domain session_config session_expiration_time config pipeline
    policies name recipe auto_fill unfeaturized triggers entity role group f s greet utter_x buttons title payload
    RulePolicy FallbackPolicy TwoStageFallbackPolicy MappingPolicy FormPolicy 3.1 2.0 rest socketio url durability
    """.split()  # noqa: SIM905 - 90 words
)
SECTIONS = (
    *("version", "intents", "entities", "slots", "responses", "forms", "actions", "session_config", "config"),
    *("nlu", "stories", "rules", "pipeline", "policies", "e2e_actions"),
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(WORDS)
    | st.sampled_from(WORDS).map("- {}".format)
    | st.text(max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=25,
)
sections = st.dictionaries(st.sampled_from(SECTIONS), values, max_size=6)
lines = st.lists(
    st.tuples(
        st.sampled_from(["", "  ", "    ", "\t", " "]),
        st.sampled_from(["", "- ", "? ", "#", "&a ", "*a", "!x ", "|", "[", "{", '"', "${X} "]),
        st.sampled_from(WORDS) | st.text(max_size=6),
        st.sampled_from(["", ":", ": |", ": [", ": x", " }"]),
    ).map("".join),
    max_size=15,
).map("\n".join)
texts = lines | st.text(max_size=60) | st.one_of(sections, values).map(yaml.safe_dump)


def write(root: Path, name: str, text: str) -> None:
    """Write a file, whatever characters it has."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")


def outcome(read: Callable[[], object]) -> object:
    """Return what a reader returns, or the ProjectError that it raises."""
    try:
        return read()
    except ProjectError as error:
        return error


@settings(deadline=None)
@given(domain=texts, data=texts, config=texts)
def test_a_project_or_a_project_error(domain: str, data: str, config: str) -> None:
    """Random files are a project, or a ProjectError whose problems say what was found. Stories can be compared."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, "domain.yml", domain)
        write(root, "data/data.yml", data)
        write(root, "config.yml", config)
        found = outcome(lambda: read_project(root))
        validation = validate_project(root)
        everything = validation.problems
        if validation.has_dialogue:
            project = validation.project
            find_conflicts(project.config, project.domain, project.stories)

    errors = [problem for problem in everything if not problem.warning]
    if isinstance(found, ProjectError):
        assert found.problems == errors
        assert all(problem.found and problem.expected and problem.code for problem in errors)
    else:
        assert isinstance(found, Project)
        assert not errors
        assert msgspec.json.encode([found.domain, found.nlu, found.stories, found.config])


@settings(deadline=None)
@given(text=texts)
def test_credentials_and_endpoints(text: str) -> None:
    """The server's two files hold to the same."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.yml"
        write(Path(folder), "file.yml", text)

        assert isinstance(outcome(lambda: read_credentials(path)), dict | ProjectError)
        assert isinstance(outcome(lambda: read_endpoints(path)), Endpoints | ProjectError)


def as_yaml(value: Any) -> bool:
    """May a value come out of YAML as it went in? Not floats that are no numbers, nor integers beyond 64 bits."""
    if isinstance(value, float):
        return value == value and abs(value) != float("inf")  # noqa: PLR0124 - not NaN
    if isinstance(value, int):
        return abs(value) < 1 << 53
    if isinstance(value, dict):
        return all(as_yaml(key) and as_yaml(item) for key, item in value.items())
    if isinstance(value, list):
        return all(as_yaml(item) for item in value)
    return True


printable = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=10)


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-(10**15), 10**15) | printable,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(printable, inner, max_size=4),
        max_leaves=20,
    ).filter(as_yaml)
)
def test_written_values_are_read_back(value: Any) -> None:
    """What another library writes as YAML (texts in quotes, for its rules are those of 1.1) is read as it was."""
    text = yaml.safe_dump(value, default_style='"') if isinstance(value, str) else yaml.safe_dump(quoted(value))
    report = Report(Path())

    assert plain(parse_document(text, "f.yml", report)) == value


class Quoted(str):
    """A text that is written in quotes."""

    __slots__ = ()


yaml.SafeDumper.add_representer(
    Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')
)


def quoted(value: Any) -> Any:
    """Return a value whose texts are all written in quotes."""
    if isinstance(value, str):
        return Quoted(value)
    if isinstance(value, dict):
        return {quoted(key): quoted(item) for key, item in value.items()}
    return [quoted(item) for item in value] if isinstance(value, list) else value


@given(text=st.text(max_size=40))
def test_any_text_is_a_document_or_broken(text: str) -> None:
    """Parsing gives data, or reports why not."""
    report = Report(Path())
    is_broken = False
    try:
        parse_document(text.encode("utf-8", "replace").decode(), "f.yml", report)
    except Broken:
        is_broken = True

    assert report.errors or not is_broken


@given(text=st.text(max_size=12) | st.from_regex(r"[-+.0-9eExo_]{1,8}", fullmatch=True))
def test_every_scalar_is_something(text: str) -> None:
    """A plain scalar is None, a bool, a number that JSON can hold, or itself."""
    value = read_scalar(text)

    assert value == text or not isinstance(value, str)
    if isinstance(value, int):
        assert abs(value) < 1 << 64


@given(
    parts=st.lists(
        st.tuples(
            st.text(st.characters(exclude_characters="[]"), max_size=6),
            st.text(st.characters(exclude_characters="[]"), min_size=1, max_size=6),
            st.sampled_from(["city", "time"]),
        ),
        max_size=5,
    )
)
def test_annotations_cover_their_text(parts: list[tuple[str, str, str]]) -> None:
    """The mentions of an annotated text cover exactly what was annotated."""
    parsed = parse_annotated("".join(f"{before}[{span}]({entity})" for before, span, entity in parts))
    text, mentions = parsed.text, parsed.mentions

    assert text == "".join(before + span for before, span, _ in parts)
    assert [(text[m.start : m.end], m.entity) for m in mentions] == [(span, entity) for _, span, entity in parts]


@given(text=st.text(st.sampled_from('[](){}":, ax'), max_size=25))
def test_annotations_never_fail_otherwise(text: str) -> None:
    """Any text is annotated, plain, or a located mistake."""
    try:
        parsed = parse_annotated(text)
    except AnnotationError:
        return
    assert all(0 <= mention.start <= mention.end <= len(parsed.text) for mention in parsed.mentions)
