"""Migration of a project from format 2.0: its meaning and comments are kept, and its files are safe."""

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
    """Return the meaning of a project in either format."""
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
    """The migrated project has the same meaning and the format 3.1."""
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
    """A slot that any role filled gets one mapping per role."""
    root = make_project(FILES)
    write_migration(plan_migration(root), root)

    roles = [mapping.role for mapping in read_project(root).domain.slots["size"].mappings]

    assert roles == [None, "a", "b"]


def test_comments_and_order_are_kept(make_project: MakeProject) -> None:
    """Every comment is kept before its line, and only lines that must change are changed."""
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
    """Old policies are replaced, and the rest of the configuration is kept."""
    migration = plan_migration(make_project(FILES))

    assert migration.files[Path("config.yml")] == (
        "assistant_id: a   # mine\nlanguage: en\n\npipeline:\n- name: WhitespaceTokenizer\n"
        "- name: FallbackClassifier\n  threshold: 0.4\n  ambiguity_threshold: 0.1\n\n"
        "policies:\n- name: MemoizationPolicy   # exact\n- name: RulePolicy\n"
        "  core_fallback_threshold: 0.3\n  core_fallback_action_name: utter_bye\n# forms\n"
    )


def test_training_data(make_project: MakeProject) -> None:
    """Only the version of a data file changes. Rules that replace policies are in a separate file."""
    migration = plan_migration(make_project(FILES))

    assert migration.files[Path("data/rules.yml")].startswith('version: "3.1"  # old\nrules:\n')
    assert Path("data/nlu.yml") not in migration.files
    assert "- intent: help\n  - action: action_help\n" in migration.files[Path("data/migrated_rules.yml")]
    assert migration.notes


def test_old_files_are_kept(make_project: MakeProject) -> None:
    """The old files are moved to a folder that is not read. With another target folder, no old file changes."""
    root = make_project(FILES)
    migration = plan_migration(root)

    write_migration(migration, root, out=root / "new")
    assert (root / "domain.yml").read_text() == DOMAIN
    assert (root / "new/domain.yml").read_text() == migration.files[Path("domain.yml")]

    write_migration(migration, root)
    assert (root / BACKUP_FOLDER / "domain.yml").read_text() == DOMAIN
    assert (root / "domain.yml").read_text() == migration.files[Path("domain.yml")]


def test_new_project_stays(make_project: MakeProject) -> None:
    """A project of format 3.1 is not changed."""
    assert plan_migration(make_project({})).files == {}


def test_migrating_twice(make_project: MakeProject) -> None:
    """A migrated project is not changed again."""
    root = make_project(FILES)
    write_migration(plan_migration(root), root)

    assert plan_migration(root).files == {}


def test_several_domain_files(make_project: MakeProject) -> None:
    """Slots and forms can be in different files, and each file is rewritten."""
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
    """Forms that run on the action server become actions."""
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
    """A lost comment is inserted before or after the line where it was."""
    old = "a: 1  # one\n\n# two\nb:\n  # three\n  c: 4\n# end\n"
    new = "a: 1\nb:\n  d: 0\n  c: 4\n"

    assert restore_comments(old, new) == "a: 1  # one\n\n# two\nb:\n  d: 0\n  # three\n  c: 4\n# end\n"
