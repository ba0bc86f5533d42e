"""Training data in Markdown, the format of 1.x projects."""

from pathlib import Path

import pytest

from manent.core.training_data import (
    ActionStep,
    CheckpointStep,
    EntityMention,
    EntityStep,
    LoopStep,
    OrStep,
    SlotStep,
    Stories,
    UserStep,
)
from manent.project.data.markdown import has_test_stories, is_page, markdown_kind, markdown_lines
from manent.project.data.markdown_nlu import add_markdown_nlu, add_markdown_responses
from manent.project.data.markdown_stories import stories_document
from manent.project.data.nlu import LookupFile, NluFiles
from manent.project.data.stories import StoryFiles, add_stories_document, read_test_stories
from manent.project.problems import Report
from manent.project.yaml.documents import plain

from .conftest import place


def nlu_of(text: str, report: Report) -> NluFiles:
    """Read NLU data."""
    data = NluFiles()
    add_markdown_nlu(data, text, "nlu.md", report)
    return data


def steps_of(text: str, report: Report, *, is_test: bool = False) -> list[list[object]]:
    """Read stories; return the steps of each story without their places."""
    data = StoryFiles()
    document = stories_document(text, "stories.md", report, is_test=is_test)
    add_stories_document(data, document, "stories.md", report, is_test=is_test)
    return [[bare(step) for step in story.steps] for story in data.stories]


def bare(step: object) -> object:
    """Return a step in a short form, without its place."""
    match step:
        case UserStep(intent=intent, text=text, entities=entities):
            pairs = {each.entity: each.value for each in entities}
            return (intent, *([pairs] if pairs else []), *([text] if text else []))
        case ActionStep(name=name):
            return name
        case SlotStep(name=name, value=value):
            return {name: value}
        case LoopStep(name=name):
            return {"loop": name}
        case CheckpointStep(name=name, slots=slots):
            return {"checkpoint": name, **{slot.name: slot.value for slot in slots}}
        case OrStep(alternatives=alternatives):
            return [bare(each) for each in alternatives]
    return step


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("## intent:greet\n- hi\n", "nlu"),
        ("# Words\n\n## synonym: Rome\n- roma\n", "nlu"),
        ("## lookup:city\ncities.txt\n", "nlu"),
        ("## Intent: greet\n- hi\n", "nlu"),
        ("## ask\n* faq/ask_name\n  - my name is Sara\n", "responses"),
        ("## ask\n* faq\n  - respond_faq\n", "stories"),
        ('## a\n* greet{"name": "x"}\n - utter_greet\n', "stories"),
        ("## a\n* greet OR bye\n - utter_greet\n", "stories"),
        ("## a\n> begin\n* bye\n - utter_bye\n", "stories"),
        ("## a\n* greet: hello [x](y)\n - utter_greet\n", "stories"),
        ('## a\n* form: inform{"a": "b"}\n - form: f\n', "stories"),
        ("<!-- ## intent:old -->\n# Read me\n\nSome text.\n", None),
        ("# Groceries\n\n* two eggs\n- some milk, if there is any\n", None),
        ("# Groceries\n\n- milk\n- eggs\n", None),
        ("## greet\n- hello\n- hi there\n", None),
        ("", None),
    ],
)  # fmt: skip
def test_kinds(text: str, kind: str | None) -> None:
    """The content of a file decides its kind, and prose is not data."""
    assert markdown_kind(text) == kind


def test_pages() -> None:
    """Pages for people are recognised by their names."""
    assert is_page(Path("data/README.md"))
    assert not is_page(Path("data/nlu.md"))


def test_comments_keep_lines() -> None:
    """Comments are removed, each line keeps its number, and an unclosed comment is text."""
    assert markdown_lines("a<!-- x -->b\n<!-- 1\n2 -->c\n<!-- d") == ["ab", "", "c", "<!-- d"]


def test_nlu(report: Report) -> None:
    """Examples, entities, synonyms, patterns and lookups have the same meaning as in Rasa 1.10."""
    data = nlu_of(
        "## intent:greet\n- hello\n* hey [Berlin](city)\n+ to [NYC](city:New York)\n- tab\\there\n\n"
        '## intent: bye\n-  see you [soon]{"entity": "time", "value": "1", "role": "r"}\n'
        "## regex:zip\n- \\b[0-9]{5}\\b\n## synonym:New York\n- big apple\n"
        "## lookup:city\ndata/cities.txt\n## lookup:food\n- rice\n- beans\n",
        report,
    )

    assert [(each.text, each.intent, each.where.line) for each in data.examples] == [
        ("hello", "greet", 2),
        ("hey Berlin", "greet", 3),
        ("to NYC", "greet", 4),
        ("tab\\there", "greet", 5),
        ("see you soon", "bye", 8),
    ]
    assert data.examples[4].entities == (EntityMention(start=8, end=12, entity="time", value="1", role="r"),)
    assert data.synonyms == {"nyc": "New York", "soon": "1", "big apple": "New York"}
    assert data.regexes == [("zip", "\\b[0-9]{5}\\b")]
    assert data.lookups == {"food": ["rice", "beans"]}
    assert data.lookup_files == [LookupFile(name="city", path="data/cities.txt", file="nlu.md", line=14)]
    assert not report.errors
    assert not report.warnings


def test_nlu_mistakes(report: Report) -> None:
    """Wrong headings are errors, lines without a meaning are warnings, and titles are ignored."""
    nlu_of("# Title\n## intents:greet\n- hi\n## intent:\n- hi\n## intent:bye\n- bye\nsee you\n## bare\n", report)

    assert [place(problem) for problem in report.errors] == [
        "nlu.md:2 nlu.markdown-heading",
        "nlu.md:4 nlu.markdown-heading",
    ]
    assert [place(problem) for problem in report.warnings] == [
        "nlu.md:8 nlu.markdown-line?",
        "nlu.md:9 nlu.markdown-line?",
    ]


def test_responses(report: Report) -> None:
    """The texts of a retrieval intent become responses."""
    data = NluFiles()
    add_markdown_responses(
        data, "## name\n* faq/name\n - Sara\n - I am Sara\n\n## x\n* faq/x\n- y\nwhat?\n", "r.md", report
    )

    assert {name: plain(spot.value) for name, spot in data.responses.items()} == {
        "utter_faq/name": [{"text": "Sara"}, {"text": "I am Sara"}],
        "utter_faq/x": [{"text": "y"}],
    }
    assert [place(problem) for problem in report.warnings] == ["r.md:9 responses.markdown-line?"]


def test_stories(report: Report) -> None:
    """Turns, actions, events and checkpoints are read as in Rasa 1.10."""
    text = (
        '# about\n## one <!-- c -->\n> start\n> begin{"city": "x"}\n'
        '* greet{"city": ["a", "b"], "name": null} OR bye\n  - slot{"city": "a", "other": null}\n'
        '  - action_deactivate_form\n  - utter_x{"a": 1}\n  - followup{"name": "utter_x"}\n> end\n'
        '## two\n* /faq\n- my_form\n- form{"name": "my_form"}\n* form: inform{"a": "b"}\n  - form: my_form\n'
        '  - form: slot{"a": "b"}\n- form{"name": null}\n- reset_slots\n'
    )  # fmt: skip

    assert steps_of(text, report) == [
        [
            {"checkpoint": "start"},
            {"checkpoint": "begin", "city": "x"},
            [("greet", {"city": "b", "name": None}), ("bye",)],
            {"city": "a"},
            {"other": None},
            "action_deactivate_loop",
            "utter_x",
            {"checkpoint": "end"},
        ],
        [("faq",), "my_form", {"loop": "my_form"}, {"loop": None}],
    ]
    assert not report.errors
    assert not report.warnings


def test_several_values_of_an_entity(report: Report) -> None:
    """A list becomes several entities with the same name."""
    data = StoryFiles()
    document = stories_document('## a\n* greet{"city": ["a", "b"]}\n- utter_x\n', "s.md", report)
    add_stories_document(data, document, "s.md", report)

    step = data.stories[0].steps[0]
    assert isinstance(step, UserStep)
    assert step.entities == (EntityStep(entity="city", value="a"), EntityStep(entity="city", value="b"))


def test_events_that_take_back(report: Report) -> None:
    """`rewind` reverts a turn, `undo` an action, and `reset_slots` all slots. `restart` starts again."""
    text = (
        "## a\n* greet\n- utter_greet\n* bye\n- utter_bye\n- rewind\n* help\n- utter_help\n- undo\n- utter_more\n"
        '- slot{"x": "1"}\n- reset_slots\n- restart\n* greet\n- utter_greet\n'
    )

    assert steps_of(text, report) == [
        [("greet",), "utter_greet", ("help",), "utter_more", {"x": "1"}, {"x": None}],
        [("greet",), "utter_greet"],
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("## a\n* greet{'name': 'x'}\n- utter_x\n", "s.md:2 story.markdown"),
        ('## a\n* greet{"name": "x\n- utter_x\n', "s.md:2 story.markdown"),
        ("## a\n* greet{} hello\n- utter_x\n", "s.md:2 story.markdown"),
        ("## a\n*\n- utter_x\n", "s.md:2 story.markdown"),
        ("## a\n* greet\n- slot\n", "s.md:3 story.markdown"),
        ('## a\n* greet\n- slot{"a": 1} more\n', "s.md:3 story.markdown"),
        ("## a\n* greet\nutter_x\n", "s.md:3 story.markdown-line?"),
        ("* greet\n- utter_x\n", "s.md:1 story.name?"),
        ("## a\n## b\n* greet\n- utter_x\n", "s.md:1 story.no-steps?"),
    ],
)  # fmt: skip
def test_story_mistakes(text: str, expected: str, report: Report) -> None:
    """A mistake is reported at its line in the Markdown file."""
    add_stories_document(StoryFiles(), stories_document(text, "s.md", report), "s.md", report)

    assert [place(problem) for problem in (*report.errors, *report.warnings)] == [expected]


def test_test_stories(tmp_path: Path) -> None:
    """Stories with the users' texts are test stories, which use the lines that begin with `form:`."""
    text = '## a\n* greet: hello [Rome](city)\n- my_form\n* form: inform: 4\n- form: my_form\n- form{"name": null}\n'
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/conversation_tests.md").write_text(text)
    (tmp_path / "stories.md").write_text("## a\n* greet\n- utter_x\n")

    assert has_test_stories(text)
    assert not has_test_stories('## a\n* greet{"a": "b"}\n- utter_x\n')
    found: Stories = read_test_stories([tmp_path], root=tmp_path)
    assert [[bare(step) for step in story.steps] for story in found.stories] == [
        [("greet", "hello Rome"), "my_form", ("inform", "4"), "my_form", {"loop": None}]
    ]
