"""Laws of format 1.x: any Markdown is read or reported, and a project means the same when it is written in 3.1."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from manent.authoring.migration import plan_migration, write_migration
from manent.core.errors import ProjectError
from manent.core.training_data import Where
from manent.project.data.markdown import markdown_lines
from manent.project.reading import Project, read_project, validate_project

INTENTS = ("greet", "bye", "inform", "faq")
ENTITIES = ("city", "size")
ACTIONS = ("utter_greet", "utter_bye", "action_find", "my_form", "respond_faq", "action_deactivate_form")
WORDS = ("hello", "see you", "to Rome", "5 of us", "- really", "a [b]", "x: y", "50%")

# --- any Markdown ---------------------------------------------------------------------------------------------------

PIECES = (
    *(
        "## intent:greet",
        "## lookup:city",
        "## synonym:x",
        "## x",
        "# ",
        "* greet",
        "* greet{",
        '{"a": 1}',
        "[1]",
        "{}",
    ),
    *("- hi", "- slot", "- form", "- rewind", "- undo", "- reset_slots", "- restart", "> c", " OR ", ": ", "<!--"),
)
pieces = st.sampled_from(PIECES) | st.text(max_size=6)
markdown = st.lists(st.lists(pieces, max_size=4).map("".join), max_size=12).map("\n".join)


@settings(deadline=None)
@given(text=markdown, other=markdown)
def test_any_markdown(text: str, other: str) -> None:
    """Random Markdown gives a project, or a ProjectError whose problems have a line of the file."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "data").mkdir()
        (root / "data/a.md").write_text(text, encoding="utf-8", errors="surrogatepass", newline="\n")
        (root / "data/b.md").write_text(f"## intent:bye\n{other}", encoding="utf-8", newline="\n")
        (root / "domain.yml").write_text("intents: [greet]\ntemplates:\n  utter_greet: [text: hi]\n")
        problems = validate_project(root).problems
        try:
            found: Project | ProjectError = read_project(root)
        except ProjectError as error:
            found = error

    errors = [problem for problem in problems if not problem.warning]
    assert errors == (found.problems if isinstance(found, ProjectError) else [])
    # A carriage return ends a line, too, as in editors.
    ends = max(len(re.findall(r"\r\n?|\n", each)) for each in (text, f"\n{other}", "\n\n\n"))
    assert all(0 <= problem.line <= 1 + ends for problem in problems)


@given(text=st.text(st.sampled_from("ab<!->\n")))
def test_comments_keep_the_lines(text: str) -> None:
    """A file has as many lines without its comments as with them."""
    assert len(markdown_lines(text)) == text.count("\n") + 1


# --- migration ------------------------------------------------------------------------------------------------------

values = st.dictionaries(st.sampled_from(ENTITIES), st.sampled_from(["x", "New York", 3, None, ["a", "b"]]), max_size=2)


def _line(name: str, given: Mapping[str, Any]) -> str:
    return name + (json.dumps(given) if given else "")


turns = st.lists(st.builds(_line, st.sampled_from(INTENTS), values), min_size=1, max_size=2).map(
    lambda said: f"* {' OR '.join(said)}"
)
events = st.one_of(
    st.sampled_from(ACTIONS),
    st.builds(_line, st.just("slot"), st.dictionaries(st.sampled_from(ENTITIES), st.just("x"), min_size=1)),
    st.sampled_from(['form{"name": "my_form"}', 'form{"name": null}', "form: my_form", "rewind", "restart"]),
).map(lambda event: f"  - {event}")
stories = st.lists(
    st.lists(st.builds(lambda turn, acts: [turn, *acts], turns, st.lists(events, max_size=3)), min_size=1, max_size=3),
    min_size=1,
    max_size=3,
)
examples = st.lists(
    st.sampled_from(WORDS) | st.builds(lambda word: f"{word} [Paris](city:paris) now", st.sampled_from(WORDS)),
    min_size=1,
    max_size=3,
)
variations = st.lists(
    st.sampled_from(WORDS) | st.sampled_from(WORDS).map(lambda text: {"text": text}), min_size=1, max_size=2
)
domains = st.fixed_dictionaries(
    {
        "intents": st.lists(
            st.sampled_from(["greet", {"bye": {"triggers": "utter_bye"}}, {"inform": {"use_entities": []}}]),
            min_size=1,
            unique_by=str,
        ).map(lambda intents: [*intents, "faq"]),
        "entities": st.just(list(ENTITIES)),
        "slots": st.fixed_dictionaries(
            dict.fromkeys(
                ENTITIES,
                st.fixed_dictionaries(
                    {"type": st.sampled_from(["unfeaturized", "text", "list", "rasa.core.slots.TextSlot"])},
                    optional={"auto_fill": st.booleans()},
                ),
            )
        ),
        "templates": st.fixed_dictionaries({"utter_greet": variations, "utter_bye": variations}),
        "actions": st.just(["utter_greet", "respond_faq", "action_find"]),
        "forms": st.just(["my_form"]),
    },
    optional={"session_config": st.fixed_dictionaries({}, optional={"session_expiration_time": st.integers(0, 90)})},
)
configs = st.fixed_dictionaries(
    {
        "pipeline": st.sampled_from(["supervised_embeddings", "keyword", "pretrained_embeddings_convert"])
        | st.lists(
            st.sampled_from(["tokenizer_whitespace", {"name": "ner_crf"}, "ner_synonyms"]),
            min_size=1,
            unique_by=str,
        ),
        "policies": st.lists(
            st.sampled_from(
                [
                    {"name": "MemoizationPolicy"},
                    {"name": "rasa.core.policies.memoization.AugmentedMemoizationPolicy"},
                    {"name": "KerasPolicy", "featurizer": [{"name": "MaxHistoryTrackerFeaturizer", "max_history": 3}]},
                    {"name": "EmbeddingPolicy", "max_history": 4},
                    {"name": "MappingPolicy"},
                ]
            ),
            unique_by=str,
        ).map(lambda policies: [*policies, {"name": "FormPolicy"}]),
    }
)


def _meaning(project: Project) -> Any:
    """Return what a project means, whichever format it is in; places do not count, nor does an entity's role in 2.0."""
    domain = project.domain
    slots = {
        name: replace(slot, mappings=tuple(replace(each, any_label=False) for each in slot.mappings))
        for name, slot in domain.slots.items()
        if name != "requested_slot"  # is declared, for a domain of 3.1 without forms has none by itself
    }
    parts = [(part.name, part.options) for part in (*project.config.pipeline, *project.config.policies)]
    bare_stories = [(story.name, story.steps) for story in project.stories.stories]
    rules = [rule.steps for rule in project.stories.rules]
    nlu = replace(project.nlu, examples=tuple(replace(each, where=Where()) for each in project.nlu.examples))
    whole = [domain.intents, domain.entities, slots, domain.responses, sorted(domain.actions), domain.session]
    return _without_places(msgspec.to_builtins([*whole, parts, bare_stories, rules, nlu]))


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_places(item) for key, item in value.items() if key != "where"}
    return [_without_places(item) for item in value] if isinstance(value, list | tuple) else value


@settings(deadline=None)
@given(domain=domains, told=stories, said=examples, config=configs)
def test_migration_keeps_the_meaning(
    domain: Mapping[str, Any], told: list[list[list[str]]], said: list[str], config: Mapping[str, Any]
) -> None:
    """Domain, NLU data, stories, rules, pipeline and policies are the same before and after, and the format is 3.1."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "data").mkdir()
        (root / "domain.yml").write_text(yaml.safe_dump(domain, sort_keys=False))
        (root / "config.yml").write_text(yaml.safe_dump({"language": "en", **config}, sort_keys=False))
        lines = [line for number, story in enumerate(told) for line in [f"## story {number}", *chain(*story)]]
        (root / "data/stories.md").write_text("\n".join(lines))
        nlu = "\n".join(f"- {example}" for example in said)
        (root / "data/nlu.md").write_text(f"## intent:greet\n{nlu}\n## intent:faq/a\n- a\n## lookup:city\n- Rome\n")
        (root / "data/responses.md").write_text("## a\n* faq/a\n  - A\n")
        before = read_project(root)
        write_migration(plan_migration(root), root)
        after = read_project(root)

        assert before.is_format_1
        assert not after.is_format_1
        assert not after.domain.is_legacy
        assert not list((root / "data").glob("*.md"))
        assert _meaning(after) == _meaning(before)
