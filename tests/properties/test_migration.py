"""Law of `manent data migrate`: a project of format 2.0 means the same when it is written in format 3.1."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from manent.authoring.migration import plan_migration, write_migration
from manent.project.reading import Project, read_project

INTENTS = ("greet", "bye", "order")
ENTITIES = ("city", "size", "email")
SLOTS = (*ENTITIES, "note", "count")
CONFIG = """version: "2.0"
language: en
pipeline:
- name: WhitespaceTokenizer
policies:
- name: RulePolicy
"""
RULES = 'version: "2.0"\nrules:\n- rule: r\n  steps:\n  - intent: greet\n  - action: utter_greet\n'

slots = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "bool", "float", "list", "any"])},
    optional={"auto_fill": st.booleans(), "influence_conversation": st.booleans(), "initial_value": st.none()},
).filter(lambda slot: not (slot["type"] == "any" and slot.get("influence_conversation")))

mappings = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("from_entity"), "entity": st.sampled_from(ENTITIES)},
        optional={"intent": st.sampled_from(INTENTS), "not_intent": st.lists(st.sampled_from(INTENTS), min_size=1)},
    ),
    st.fixed_dictionaries(
        {"type": st.just("from_text")}, optional={"not_intent": st.lists(st.sampled_from(INTENTS), min_size=1)}
    ),
    st.fixed_dictionaries(
        {"type": st.just("from_intent"), "intent": st.sampled_from(INTENTS), "value": st.sampled_from(["a", True, 3])}
    ),
)

domains = st.fixed_dictionaries(
    {
        "version": st.just("2.0"),
        "intents": st.just(list(INTENTS)),
        "entities": st.just(list(ENTITIES)),
        "slots": st.fixed_dictionaries(dict.fromkeys(SLOTS, slots)),
        "responses": st.just({"utter_greet": [{"text": "hi"}]}),
        "forms": st.dictionaries(
            st.sampled_from(["first_form", "second_form"]),
            st.fixed_dictionaries(
                {
                    "required_slots": st.dictionaries(
                        st.sampled_from(SLOTS), st.lists(mappings, min_size=1, max_size=3), min_size=1
                    )
                },
                optional={"ignored_intents": st.lists(st.sampled_from(INTENTS), min_size=1, unique=True)},
            ),
        ),
    }
)


def _meaning(project: Project) -> tuple[object, ...]:
    """Return what a project means, whichever format it is written in."""
    domain = project.domain
    found = {
        name: replace(slot, mappings=tuple(replace(one, any_label=False) for one in slot.mappings))
        for name, slot in domain.slots.items()
    }
    return domain.intents, domain.entities, found, domain.forms, domain.responses, set(domain.actions)


@settings(deadline=None)
@given(domain=domains)
def test_migration_keeps_the_meaning(domain: Mapping[str, Any]) -> None:
    """Slots, forms, intents, entities and actions are the same before and after, and the format is 3.1."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "data").mkdir()
        (root / "domain.yml").write_text(yaml.safe_dump(domain, sort_keys=False))
        (root / "config.yml").write_text(CONFIG)
        (root / "data" / "rules.yml").write_text(RULES)
        before = read_project(root)
        write_migration(plan_migration(root), root)
        after = read_project(root)

        assert before.domain.is_legacy
        assert not after.domain.is_legacy
        assert _meaning(after) == _meaning(before)
