"""Rewriting a project of format 2.0: same meaning, comments kept, files safe."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from manent.authoring.comments import restore_comments
from manent.authoring.migration import BACKUP_FOLDER, plan_migration, write_migration
from manent.core.domain import Domain
from manent.core.errors import ProjectError
from manent.project.reading import Project, read_project

MakeProject = Callable[[dict[str, str]], Path]

DOMAIN = """# my bot
version: "2.0"

intents:
- greet
- bye   # leave
- help: {triggers: action_help}
- "no"

entities:
- email
- size: {roles: [a, b]}
- city

slots:
  # the address
  email:
    type: text   # plain
  city: {type: unfeaturized, auto_fill: false}
  size:
    type: list
    auto_fill: true

  note:
    type: text
    influence_conversation: false

forms:
  # what we ask for
  order:
    ignored_intents: [bye]
    required_slots:
      # first
      email:
      - type: from_entity   # exact
        entity: email
      # then
      note:   # free
      - type: from_text
        not_intent: [bye]
      - type: from_intent
        intent: "no"
        value: "none"
      ghost: []
  older:
    note:
    - type: from_text
      not_intent: [bye]

# what it says
responses:
  utter_greet:
  - text: "hi"   # short
  utter_bye:
  - text: |
      # no comment
      bye

actions:
- validate_order
- action_help
"""
CONFIG = """assistant_id: a   # mine
language: en

pipeline:
- name: WhitespaceTokenizer

policies:
- name: MemoizationPolicy   # exact
- name: FallbackPolicy
  nlu_threshold: 0.4
  fallback_action_name: utter_bye
# forms
- name: FormPolicy
- name: MappingPolicy
"""
FILES = {
    "domain.yml": DOMAIN,
    "config.yml": CONFIG,
    "data/rules.yml": 'version: "2.0"  # old\nrules:\n- rule: r\n  steps:\n  - intent: greet\n  - action: order\n',
}


def meaning(project: Project) -> tuple[object, ...]:
    """Return what a project means, whichever format it is in."""
    domain = project.domain
    slots = {
        name: replace(slot, mappings=tuple(replace(one, any_label=False) for one in slot.mappings))
        for name, slot in domain.slots.items()
        if name != "size"
    }
    rules = {
        rule.name: [getattr(step, "name", None) or getattr(step, "intent", None) for step in rule.steps]
        for rule in project.stories.rules
    }
    names = [[part.name for part in parts] for parts in (project.config.pipeline, project.config.policies)]
    return domain.intents, domain.entities, slots, domain.forms, domain.responses, domain.actions, rules, names


def test_same_meaning(make_project: MakeProject) -> None:
    """The new project means what the old one did, and is of format 3.1."""
    root = make_project(FILES)
    before = read_project(root)
    write_migration(plan_migration(root), root)

    after = read_project(root)

    assert before.domain.is_legacy
    assert not after.domain.is_legacy
    assert meaning(after) == meaning(before)
    assert after.config.policies[-1].options == before.config.policies[-1].options
    assert not any(problem.code == "forms.undeclared-slot" for problem in after.warnings)


def test_entity_with_roles(make_project: MakeProject) -> None:
    """A slot that any role filled has a mapping for each role."""
    root = make_project(FILES)
    write_migration(plan_migration(root), root)

    roles = [mapping.role for mapping in read_project(root).domain.slots["size"].mappings]

    assert roles == [None, "a", "b"]


def test_comments_and_order_are_kept(make_project: MakeProject) -> None:
    """Every comment is still there, before what it was said of, and only what must change does."""
    migration = plan_migration(make_project(FILES))

    text = migration.files[Path("domain.yml")]
    for comment in (
        "# my bot",
        "# leave",
        "# the address",
        "# plain",
        "# what we ask for",
        "# exact",
        "# free",
        "# short",
    ):
        assert text.count(comment) == 1
    assert text.startswith('# my bot\nversion: "3.1"\n\nintents:\n- greet\n- bye   # leave\n- help\n')
    assert "  # the address\n  email:\n    type: text   # plain\n    mappings:\n    - type: from_entity" in text
    assert "    # first\n    - email\n    # then\n    - note  # free\n    - ghost\n" in text
    assert '\n\n# what it says\nresponses:\n  utter_greet:\n  - text: "hi"   # short\n' in text
    assert "  - text: |\n      # no comment\n      bye\n\nactions:\n- validate_order\n" in text


def test_configuration(make_project: MakeProject) -> None:
    """Old policies go, and what replaces them comes; the rest stays as it was."""
    migration = plan_migration(make_project(FILES))

    assert migration.files[Path("config.yml")] == (
        "assistant_id: a   # mine\nlanguage: en\n\npipeline:\n- name: WhitespaceTokenizer\n"
        "- name: FallbackClassifier\n  threshold: 0.4\n  ambiguity_threshold: 0.1\n\n"
        "policies:\n- name: MemoizationPolicy   # exact\n- name: RulePolicy\n"
        "  core_fallback_threshold: 0.3\n  core_fallback_action_name: utter_bye\n# forms\n"
    )


def test_training_data(make_project: MakeProject) -> None:
    """Only the version of a data file changes; rules for what was configured come in a file of their own."""
    migration = plan_migration(make_project(FILES))

    assert migration.files[Path("data/rules.yml")].startswith('version: "3.1"  # old\nrules:\n')
    assert Path("data/nlu.yml") not in migration.files
    assert "- intent: help\n  - action: action_help\n" in migration.files[Path("data/migrated_rules.yml")]
    assert migration.notes


def test_old_files_are_kept(make_project: MakeProject) -> None:
    """In place, the old files are put aside, where no reader looks; into a folder, nothing old is touched."""
    root = make_project(FILES)
    migration = plan_migration(root)

    write_migration(migration, root, out=root / "new")
    assert (root / "domain.yml").read_text() == DOMAIN
    assert (root / "new/domain.yml").read_text() == migration.files[Path("domain.yml")]

    write_migration(migration, root)
    assert (root / BACKUP_FOLDER / "domain.yml").read_text() == DOMAIN
    assert (root / "domain.yml").read_text() == migration.files[Path("domain.yml")]


def test_new_project_stays(make_project: MakeProject) -> None:
    """A project of format 3.1 has nothing to migrate."""
    assert plan_migration(make_project({})).files == {}


def test_migrating_twice(make_project: MakeProject) -> None:
    """What was migrated has nothing to migrate."""
    root = make_project(FILES)
    write_migration(plan_migration(root), root)

    assert plan_migration(root).files == {}


def test_several_domain_files(make_project: MakeProject) -> None:
    """Slots and forms may be in different files, each of which is rewritten for itself."""
    root = make_project({"domain.yml": ""})
    (root / "domain.yml").unlink()
    (root / "domain").mkdir()
    (root / "domain/slots.yml").write_text("slots:\n  a: {type: text}\n")
    (root / "domain/forms.yml").write_text("forms:\n  f:\n    required_slots:\n      a:\n      - type: from_text\n")
    (root / "domain/rest.yml").write_text(
        "intents: [greet, bye]\nresponses:\n  utter_greet: [{text: a}]\n  utter_bye: [{text: b}]\n"
    )
    before = read_project(root)

    migration = plan_migration(root)
    write_migration(migration, root)

    assert set(migration.files) == {Path("domain/slots.yml"), Path("domain/forms.yml")}
    after: Domain = read_project(root).domain
    assert (after.slots, after.forms) == (before.domain.slots, before.domain.forms)


def test_listed_forms(make_project: MakeProject) -> None:
    """Forms that run on the action server are actions."""
    root = make_project({})
    text = (root / "domain.yml").read_text().replace(
        "3.1", "2.0"
    ) + "actions: [x]\nforms: [f]\nslots:\n  a: {type: text}\n"
    (root / "domain.yml").write_text(text)
    write_migration(plan_migration(root), root)

    domain = read_project(root).domain

    assert (domain.actions, domain.forms) == (("x", "f"), {})


def test_mistakes_first(make_project: MakeProject) -> None:
    """A project with mistakes is not rewritten."""
    with pytest.raises(ProjectError):
        plan_migration(make_project({"domain.yml": "intents: [\n"}))


def test_restoring_comments() -> None:
    """A lost comment goes before the line that it stood before, or behind the line that it ended."""
    old = "a: 1  # one\n\n# two\nb:\n  # three\n  c: 4\n# end\n"
    new = "a: 1\nb:\n  d: 0\n  c: 4\n"

    assert restore_comments(old, new) == "a: 1  # one\n\n# two\nb:\n  d: 0\n  # three\n  c: 4\n# end\n"
