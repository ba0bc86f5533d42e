"""Reads `config.yml`: pipeline, policies, language, assistant id. Adds defaults; the file itself is not changed.

Called by `reading`. `policies_2x` replaces Rasa 2.x policies.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from manent.core.config_options import FLAG, Options, Values
from manent.core.events import Json
from manent.core.training_data import AssistantConfig, ComponentConfig
from manent.dialogue.policies.declared_options import POLICIES
from manent.extensions.finding import code_digest
from manent.extensions.points import COMPONENTS
from manent.extensions.points import POLICIES as CUSTOM_POLICIES
from manent.nlu.registry import KINDS
from manent.project.problems import Report, Spot, did_you_mean, flag_hint, one_of
from manent.project.settings.options import check_options, find_class
from manent.project.settings.policies_2x import OLD_POLICIES
from manent.project.yaml.documents import plain

CONFIG_KEYS = ("recipe", "assistant_id", "language", "pipeline", "policies", "importers", "imports", "version")
IMPORTERS = ("RasaFileImporter", "MultiProjectImporter")
PLACEHOLDER_ID = "placeholder_default"

ALL_COMPONENTS: dict[str, Options] = {name: kind.declared for name, kind in KINDS.items()}
"""Components that a pipeline can contain, with their options."""
ALL_POLICIES: dict[str, Options] = {**POLICIES, **OLD_POLICIES}
"""Names of policies that `policies:` can contain, including policies of Rasa 2.x."""


def default_pipeline() -> tuple[ComponentConfig, ...]:
    """Return the default pipeline (contract §1), without options that have no effect in Manent."""
    return (
        ComponentConfig(name="WhitespaceTokenizer"),
        ComponentConfig(name="RegexFeaturizer"),
        ComponentConfig(name="LexicalSyntacticFeaturizer"),
        ComponentConfig(name="CountVectorsFeaturizer"),
        ComponentConfig(name="CountVectorsFeaturizer", options={"analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4}),
        ComponentConfig(name="DIETClassifier"),
        ComponentConfig(name="EntitySynonymMapper"),
        ComponentConfig(name="ResponseSelector"),
        ComponentConfig(name="FallbackClassifier", options={"threshold": 0.3, "ambiguity_threshold": 0.1}),
    )


def default_policies() -> tuple[ComponentConfig, ...]:
    """Return the default policies (contract §1)."""
    return (
        ComponentConfig(name="MemoizationPolicy"),
        ComponentConfig(name="RulePolicy"),
        ComponentConfig(name="UnexpecTEDIntentPolicy", options={"max_history": 5, "epochs": 100}),
        ComponentConfig(name="TEDPolicy", options={"max_history": 5, "epochs": 100, "constrain_similarities": True}),
    )


def read_config(document: Any, file: str, root: Path, report: Report) -> AssistantConfig:
    """Interpret a parsed `config.yml`. The document is None if the file is missing or empty."""
    spot = Spot(document, file, 1, "", report)
    if document is not None and not isinstance(document, dict):
        spot.error("config.type", "a mapping with language, pipeline, policies")
        document = None
        spot = Spot(None, file, 1, "", report)
    for key, entry in spot.entries():
        if key not in CONFIG_KEYS:
            entry.warn(
                "config.unknown-key",
                "a key that config.yml can have",
                did_you_mean(key, CONFIG_KEYS),
                found=f'the key "{key}"',
            )
    _check_importers(spot)
    return AssistantConfig(
        language=_text(spot, "language"),
        pipeline=_components(spot, "pipeline", ALL_COMPONENTS) or default_pipeline(),
        policies=_components(spot, "policies", ALL_POLICIES) or default_policies(),
        assistant_id=_assistant_id(spot, root),
        recipe=_recipe(spot),
    )


def _check_importers(spot: Spot) -> None:
    importers = spot.get("importers")
    for item in importers.items() if importers is not None else ():
        name = item.value.get("name") if isinstance(item.value, dict) else item.value
        if str(name).rpartition(".")[2] not in IMPORTERS:
            expected = f"{one_of(IMPORTERS)} (it is ignored, and the project's files are read as usual)"
            item.warn("config.importer", expected, did_you_mean(name, IMPORTERS), found=f'"{name}"')


def _text(spot: Spot, key: str) -> str | None:
    found = spot.get(key)
    return found.text() if found is not None and found.value is not None else None


def _recipe(spot: Spot) -> str:
    found = spot.get("recipe")
    if found is None or found.value is None:
        return "default.v1"
    if found.value != "default.v1":
        found.error("config.recipe", '"default.v1"', "Configure the assistant with `pipeline:` and `policies:`")
    return "default.v1"


def _assistant_id(spot: Spot, root: Path) -> str:
    """Return the assistant id. If it is missing, derive a constant id from the project folder."""
    written = _text(spot, "assistant_id")
    if written and written != PLACEHOLDER_ID:
        return written
    digest = hashlib.sha256(root.resolve().name.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{root.resolve().name or 'assistant'}-{digest[:8]}"


def _components(spot: Spot, key: str, known: Mapping[str, Options]) -> tuple[ComponentConfig, ...]:
    found = spot.get(key)
    if found is None or found.value is None:
        return ()
    components = []
    section = _Section(key, known)
    for item in found.items():
        component = _component(item, section)
        if component is not None:
            components.append(component)
    return tuple(components)


@dataclass(frozen=True, slots=True)
class _Section:
    """The state while `pipeline:` or `policies:` is read.

    Attributes:
        known: the built-in components, with their options.
        earlier: name → class of each entry before the current one. The class is None for a built-in entry.
    """

    key: str
    known: Mapping[str, Options]
    earlier: dict[str, Any] = field(default_factory=dict)


def _component(item: Spot, section: _Section) -> ComponentConfig | None:
    """Return one component or policy, and add it to the earlier entries."""
    key, known = section.key, section.known
    what = "component" if key == "pipeline" else "policy"
    name_spot = item.get("name") if isinstance(item.value, dict) else item
    if name_spot is None:
        item.error(f"config.{what}", f"`name:` of a {what}", found=f"a {what} without a name")
        return None
    name = name_spot.name(f"the name of a {what}")
    if name is None:
        return None
    if name.startswith("rasa.") or name.partition(".")[0] in ("rasa_core", "rasa_nlu"):
        name = name.rpartition(".")[2]
    if name not in known:
        return _own_component(item, name, name_spot, section)
    section.earlier[name] = None
    return ComponentConfig(name=name, options=_options(item, f"{key}.{name}", known.get(name)), where=name_spot.where)


def _own_component(item: Spot, name: str, name_spot: Spot, section: _Section) -> ComponentConfig | None:
    """Return a component or policy that is not built in. Report an unusable class and wrong options."""
    key, known = section.key, section.known
    what, point = ("component", COMPONENTS) if key == "pipeline" else ("policy", CUSTOM_POLICIES)
    place = replace(name_spot, path=key)
    code = "pipeline.bad-component" if what == "component" else "config.custom-policy"
    found = find_class(point, name, place, code)
    if found is None:
        if "." not in name:
            name_spot.error(f"config.unknown-{what}", f"the name of a {what}", did_you_mean(name, known))
        return None
    missing = found.missing_before(section.earlier) if hasattr(found, "missing_before") else []
    if missing:
        place.error(
            code,
            "the components that it needs earlier in the pipeline",
            found=f'"{name}" without {" and ".join(missing)} before it',
        )
    section.earlier[name] = found
    extends = getattr(found, "extends", "")
    given = replace(item, path=f"{key}.{name}") if isinstance(item.value, dict) else replace(item, value=None)
    check_options(
        given,
        getattr(found, "options", None),
        "config",
        besides=("name", "priority") if what == "policy" else ("name",),
    )
    return ComponentConfig(
        name=name,
        options=_options(item, f"{key}.{name}", known.get(extends)),
        code=code_digest(found),
        extends=extends,
        where=name_spot.where,
    )


def _options(item: Spot, path: str, known: Options | None) -> Json:
    """Return the parsed options of a component or policy. Report invalid options.

    Args:
        item: a mapping with `name` and options, or only the name.
        path: path for messages.
        known: the declared options. None: the component is a custom one, which may have any options.
    """
    if not isinstance(item.value, dict):
        return {}
    given = {name: value for name, value in plain(item.value).items() if name != "name"}
    if known is None:
        return given
    options, wrong = known.read(given)
    for name, spot in item.entries():
        place = replace(spot, path=f"{path}.{name}")
        if name in wrong:
            code = "config.max-history" if name == "max_history" else "config.option"
            place.error(code, wrong[name], _hint(spot.value, known.values[name]))
        elif name in options and name in known.values and (warning := known.values[name].warning(options[name])):
            place.warn("config.option", known.values[name].expected, warning)
        elif name != "name" and name not in known.names:
            _warn_unknown_option(place, name, known)
    return options


def _hint(value: Any, values: Values) -> str:
    return flag_hint(value) if values is FLAG else did_you_mean(value, values.choices)


def _warn_unknown_option(spot: Spot, name: str, known: Options) -> None:
    component = spot.path.split(".")[1]
    suggestion = did_you_mean(name, known.names)
    if suggestion or known.is_complete:
        spot.warn(
            "config.unknown-option",
            f"an option that {component} has (this one is ignored)",
            suggestion,
            found=f'the option "{name}"',
        )
