"""Renames components in a configuration of format 1.x to their names in 3.x. Called by `reading` and `migration`.

Pipeline templates are replaced by lists of components. No 3.x component uses an old name, so configurations in later
formats are not changed.
"""

from dataclasses import replace
from typing import Any

from manent.core.events import Json
from manent.core.training_data import AssistantConfig, ComponentConfig
from manent.project.yaml.building import append, lined, put
from manent.project.yaml.documents import Map, Seq

_EMBEDDING: Json = {"name": "EmbeddingIntentClassifier"}
_CHARACTERS: Json = {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4}
_SUPERVISED: tuple[Json, ...] = (
    {"name": "WhitespaceTokenizer"},
    {"name": "RegexFeaturizer"},
    {"name": "CRFEntityExtractor"},
    {"name": "EntitySynonymMapper"},
    {"name": "CountVectorsFeaturizer"},
    _CHARACTERS,
    _EMBEDDING,
)
_SPACY: tuple[Json, ...] = (
    {"name": "SpacyNLP"},
    {"name": "SpacyTokenizer"},
    {"name": "SpacyFeaturizer"},
    {"name": "RegexFeaturizer"},
    {"name": "CRFEntityExtractor"},
    {"name": "EntitySynonymMapper"},
    {"name": "SklearnIntentClassifier"},
)
PIPELINE_TEMPLATES: dict[str, tuple[Json, ...]] = {
    "supervised_embeddings": _SUPERVISED,
    "tensorflow_embedding": _SUPERVISED,
    "pretrained_embeddings_spacy": _SPACY,
    "spacy_sklearn": _SPACY,
    "pretrained_embeddings_convert": ({"name": "ConveRTTokenizer"}, {"name": "ConveRTFeaturizer"}, _EMBEDDING),
    "keyword": ({"name": "KeywordIntentClassifier"},),
}
"""Pipeline templates that `pipeline:` can name in Rasa 1.x and in its predecessor `rasa_nlu`."""

OLD_NAMES: dict[str, str] = {
    "nlp_spacy": "SpacyNLP",
    "nlp_mitie": "MitieNLP",
    "ner_spacy": "SpacyEntityExtractor",
    "ner_mitie": "MitieEntityExtractor",
    "ner_crf": "CRFEntityExtractor",
    "ner_duckling_http": "DucklingHTTPExtractor",
    "ner_synonyms": "EntitySynonymMapper",
    "intent_featurizer_spacy": "SpacyFeaturizer",
    "intent_featurizer_mitie": "MitieFeaturizer",
    "intent_entity_featurizer_regex": "RegexFeaturizer",
    "intent_featurizer_count_vectors": "CountVectorsFeaturizer",
    "tokenizer_mitie": "MitieTokenizer",
    "tokenizer_spacy": "SpacyTokenizer",
    "tokenizer_whitespace": "WhitespaceTokenizer",
    "tokenizer_jieba": "JiebaTokenizer",
    "intent_classifier_sklearn": "SklearnIntentClassifier",
    "intent_classifier_mitie": "MitieIntentClassifier",
    "intent_classifier_keyword": "KeywordIntentClassifier",
    "intent_classifier_tensorflow_embedding": "EmbeddingIntentClassifier",
}
"""Names of components before Rasa 1.0. Rasa 1.x still accepts them."""

_REPLACED: dict[str, Json] = {
    "EmbeddingIntentClassifier": {"name": "DIETClassifier", "entity_recognition": False},
    "NGramFeaturizer": _CHARACTERS,
    "intent_featurizer_ngrams": _CHARACTERS,
}
"""Component that 3.x does not have → the component that replaces it.

The options of the old component are dropped, because they configure a neural network or have no counterpart.
"""

_HISTORY = 5
"""Number of turns that memoization uses by default in 1.x. In 3.x, memoization uses all turns."""

_NEWER_KEYS = ("recipe", "assistant_id")
_NEWER_PARTS = ("RulePolicy", "UnexpecTEDIntentPolicy", "FallbackClassifier", "RegexEntityExtractor")
"""Keys and names that no configuration of 1.x contains."""


def looks_newer(document: Any) -> bool:
    """Return whether a configuration contains a key or a name that only later formats have."""
    if not isinstance(document, dict):
        return False
    names = [name for key in ("pipeline", "policies") for name in _names(document.get(key))]
    return any(key in document for key in _NEWER_KEYS) or any(name in _NEWER_PARTS for name in names)


def has_old_names(document: Any) -> bool:
    """Return whether a configuration contains a pipeline template or a name that only 1.x has."""
    if not isinstance(document, dict):
        return False
    pipeline = document.get("pipeline")
    if isinstance(pipeline, str):
        return pipeline in PIPELINE_TEMPLATES
    return any(name in OLD_NAMES or name in _REPLACED for name in _names(pipeline))


def with_new_names(document: Any) -> Any:
    """Return a parsed configuration whose pipeline contains only names of 3.x. The document itself is not changed."""
    if not has_old_names(document):
        return document
    line = document.lines["pipeline"]
    old = document["pipeline"]
    pipeline = Seq(line)
    if isinstance(old, str):
        for part in PIPELINE_TEMPLATES[old]:
            append(pipeline, new_component(part), line)
    else:
        for item, item_line in zip(old, old.lines, strict=True):
            append(pipeline, new_component(item), item_line)
    new = Map(document.line)
    for key, value in document.items():
        put(new, key, pipeline if key == "pipeline" else value, document.lines[key])
        new.key_lines[key] = document.key_lines[key]
    return new


def with_defaults_of_1(config: AssistantConfig) -> AssistantConfig:
    """Return a configuration in which memoization uses five turns by default, as in 1.x."""
    return replace(config, policies=tuple(_with_history(policy) for policy in config.policies))


def _with_history(policy: ComponentConfig) -> ComponentConfig:
    if policy.name not in ("MemoizationPolicy", "AugmentedMemoizationPolicy") or "max_history" in policy.options:
        return policy
    featurizers = policy.options.get("featurizer") or ()
    if any(isinstance(each, dict) and "max_history" in each for each in featurizers):
        return policy
    return replace(policy, options={"max_history": _HISTORY, **policy.options})


def new_component(item: Any) -> Any:
    """Return a pipeline entry with its name in 3.x. An entry that already has such a name is unchanged."""
    name = _name(item)
    name = OLD_NAMES.get(name, name)
    if name in _REPLACED:
        return lined(dict(_REPLACED[name]), item.line) if isinstance(item, Map) else dict(_REPLACED[name])
    if name == _name(item) or not isinstance(item, Map):
        return item if name == _name(item) else {"name": name}
    new = Map(item.line)
    for key, value in item.items():
        put(new, key, name if key == "name" else value, item.lines[key])
    return new


def _names(entries: Any) -> list[str]:
    return [_name(item) for item in entries] if isinstance(entries, list) else []


def _name(item: Any) -> str:
    """Return the name of an entry without the path of Rasa's own module."""
    name = item.get("name") if isinstance(item, dict) else item
    if not isinstance(name, str):
        return ""
    return name.rpartition(".")[2] if name.partition(".")[0] in ("rasa", "rasa_core", "rasa_nlu") else name
