"""Reads `config.yml`: pipeline, policies, language, identity. Defaults are filled in; the file is never touched.

Called by `reading`. Policies of the 2.x years are turned into what replaced them by `legacy_policies`.
"""

import hashlib
from pathlib import Path
from typing import Any

from manent.core.training_data import AssistantConfig, ComponentConfig
from manent.project.documents import plain
from manent.project.problems import Report, Spot, did_you_mean, one_of

CONFIG_KEYS = ("recipe", "assistant_id", "language", "pipeline", "policies", "importers", "imports", "version")
IMPORTERS = ("RasaFileImporter", "MultiProjectImporter")
PLACEHOLDER_ID = "placeholder_default"

COMPONENTS = (
    "WhitespaceTokenizer",
    "JiebaTokenizer",
    "SpacyTokenizer",
    "MitieTokenizer",
    "ConveRTTokenizer",
    "LanguageModelTokenizer",
    "SpacyNLP",
    "MitieNLP",
    "HFTransformersNLP",
    "RegexFeaturizer",
    "LexicalSyntacticFeaturizer",
    "CountVectorsFeaturizer",
    "SpacyFeaturizer",
    "MitieFeaturizer",
    "LanguageModelFeaturizer",
    "ConveRTFeaturizer",
    "DIETClassifier",
    "LogisticRegressionClassifier",
    "SklearnIntentClassifier",
    "MitieIntentClassifier",
    "KeywordIntentClassifier",
    "FallbackClassifier",
    "CRFEntityExtractor",
    "RegexEntityExtractor",
    "DucklingEntityExtractor",
    "DucklingHTTPExtractor",
    "SpacyEntityExtractor",
    "MitieEntityExtractor",
    "EntitySynonymMapper",
    "ResponseSelector",
)
"""Names that a pipeline may list (contract §4.3 and §1.1)."""

POLICIES = (
    "RulePolicy",
    "MemoizationPolicy",
    "AugmentedMemoizationPolicy",
    "TEDPolicy",
    "UnexpecTEDIntentPolicy",
    "FallbackPolicy",
    "TwoStageFallbackPolicy",
    "FormPolicy",
    "MappingPolicy",
    "SklearnPolicy",
    "EmbeddingPolicy",
    "KerasPolicy",
)
"""Names that `policies:` may list, those of the 2.x years included."""


def default_pipeline() -> tuple[ComponentConfig, ...]:
    """Return the pipeline of a project that names none (contract §1)."""
    return (
        ComponentConfig(name="WhitespaceTokenizer"),
        ComponentConfig(name="RegexFeaturizer"),
        ComponentConfig(name="LexicalSyntacticFeaturizer"),
        ComponentConfig(name="CountVectorsFeaturizer"),
        ComponentConfig(name="CountVectorsFeaturizer", options={"analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4}),
        ComponentConfig(name="DIETClassifier", options={"epochs": 100, "constrain_similarities": True}),
        ComponentConfig(name="EntitySynonymMapper"),
        ComponentConfig(name="ResponseSelector", options={"epochs": 100, "constrain_similarities": True}),
        ComponentConfig(name="FallbackClassifier", options={"threshold": 0.3, "ambiguity_threshold": 0.1}),
    )


def default_policies() -> tuple[ComponentConfig, ...]:
    """Return the policies of a project that names none (contract §1)."""
    return (
        ComponentConfig(name="MemoizationPolicy"),
        ComponentConfig(name="RulePolicy"),
        ComponentConfig(name="UnexpecTEDIntentPolicy", options={"max_history": 5, "epochs": 100}),
        ComponentConfig(name="TEDPolicy", options={"max_history": 5, "epochs": 100, "constrain_similarities": True}),
    )


def read_config(document: Any, file: str, root: Path, report: Report) -> AssistantConfig:
    """Make sense of a parsed `config.yml` (None: there is none, or it is empty)."""
    spot = Spot(document, file, 1, "", report)
    if document is not None and not isinstance(document, dict):
        spot.error("config.type", "a mapping with language, pipeline, policies")
        document = None
        spot = Spot(None, file, 1, "", report)
    for key, entry in spot.entries():
        if key not in CONFIG_KEYS:
            entry.warn(
                "config.unknown-key", "a key of config.yml", did_you_mean(key, CONFIG_KEYS), found=f'the key "{key}"'
            )
    _check_importers(spot)
    return AssistantConfig(
        language=_text(spot, "language"),
        pipeline=_components(spot, "pipeline", COMPONENTS) or default_pipeline(),
        policies=_components(spot, "policies", POLICIES) or default_policies(),
        assistant_id=_assistant_id(spot, root),
        recipe=_recipe(spot),
    )


def _check_importers(spot: Spot) -> None:
    importers = spot.get("importers")
    for item in importers.items() if importers is not None else ():
        name = item.value.get("name") if isinstance(item.value, dict) else item.value
        if str(name).rpartition(".")[2] not in IMPORTERS:
            item.error("config.importer", one_of(IMPORTERS), did_you_mean(name, IMPORTERS), found=f'"{name}"')


def _text(spot: Spot, key: str) -> str | None:
    found = spot.get(key)
    return found.text() if found is not None and found.value is not None else None


def _recipe(spot: Spot) -> str:
    found = spot.get("recipe")
    if found is None or found.value is None:
        return "default.v1"
    if found.value != "default.v1":
        found.error("config.recipe", '"default.v1"', "Describe the pipeline with `pipeline:` and `policies:`")
    return "default.v1"


def _assistant_id(spot: Spot, root: Path) -> str:
    """Return the project's id; one that is missing is derived from the project's folder, the same each time."""
    written = _text(spot, "assistant_id")
    if written and written != PLACEHOLDER_ID:
        return written
    digest = hashlib.sha256(root.resolve().name.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{root.resolve().name or 'assistant'}-{digest[:8]}"


def _components(spot: Spot, key: str, known: tuple[str, ...]) -> tuple[ComponentConfig, ...]:
    found = spot.get(key)
    if found is None or found.value is None:
        return ()
    components = []
    for item in found.items():
        component = _component(item, known, "component" if key == "pipeline" else "policy")
        if component is not None:
            components.append(component)
    return tuple(components)


def _component(item: Spot, known: tuple[str, ...], what: str) -> ComponentConfig | None:
    options: dict[str, Any] = {}
    name_spot: Spot | None = item
    if isinstance(item.value, dict):
        name_spot = item.get("name")
        options = {key: value for key, value in plain(item.value).items() if key != "name"}
    if name_spot is None:
        item.error(f"config.{what}", f"`name:` of a {what}", found=f"a {what} without a name")
        return None
    name = name_spot.name(f"the name of a {what}")
    if name is None:
        return None
    if name.startswith("rasa.") or name.partition(".")[0] in ("rasa_core", "rasa_nlu"):
        name = name.rpartition(".")[2]
    if "." not in name and name not in known:
        name_spot.error(f"config.unknown-{what}", f"the name of a {what}", did_you_mean(name, known))
        return None
    return ComponentConfig(name=name, options=options, where=name_spot.where)
