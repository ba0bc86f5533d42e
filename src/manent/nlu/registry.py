"""The built-in components: maps Rasa's names to kinds of components."""

from manent.core.events import Json
from manent.core.training_data import Where
from manent.nlu.component import Kind, Training
from manent.nlu.components.custom import custom_kind
from manent.nlu.components.duckling import DUCKLING
from manent.nlu.components.fallback import FALLBACK
from manent.nlu.components.featurizers import COUNT_VECTORS, LEXICAL, load_nothing
from manent.nlu.components.intents import LOGISTIC_REGRESSION, MITIE, SKLEARN
from manent.nlu.components.joint_classifier import CRF, DIET, MITIE_ENTITIES
from manent.nlu.components.keywords import KEYWORDS
from manent.nlu.components.patterns import PATTERN_EXTRACTOR, PATTERN_FEATURES
from manent.nlu.components.selector import SELECTOR
from manent.nlu.components.spacy import SPACY, SPACY_ENTITIES
from manent.nlu.components.synonyms import SYNONYMS
from manent.nlu.components.tokenizers import JIEBA, WHITESPACE
from manent.nlu.files import Files


def _stand_in(what: str, *ignored: str) -> Kind:
    """Return a kind that does nothing, because another part always does the component's work.

    Training reports this once.
    """

    def train(_: Json, training: Training) -> Files:
        training.notes.append(what)
        return {}

    return Kind(load=load_nothing, train=train, ignored=frozenset(ignored))


_VECTORS = "replaced by the built-in word vectors, which every classifier uses."

KINDS: dict[str, Kind] = {
    "SpacyNLP": SPACY,
    "MitieNLP": _stand_in(f"MitieNLP: {_VECTORS}", "model"),
    "HFTransformersNLP": _stand_in(f"HFTransformersNLP: {_VECTORS}", "model_name", "model_weights", "cache_dir"),
    "WhitespaceTokenizer": WHITESPACE,
    "JiebaTokenizer": JIEBA,
    "SpacyTokenizer": WHITESPACE,
    "MitieTokenizer": WHITESPACE,
    "ConveRTTokenizer": WHITESPACE,
    "LanguageModelTokenizer": WHITESPACE,
    "RegexFeaturizer": PATTERN_FEATURES,
    "LexicalSyntacticFeaturizer": LEXICAL,
    "CountVectorsFeaturizer": COUNT_VECTORS,
    "SpacyFeaturizer": _stand_in(f"SpacyFeaturizer: {_VECTORS}", "pooling"),
    "MitieFeaturizer": _stand_in(f"MitieFeaturizer: {_VECTORS}", "pooling"),
    "LanguageModelFeaturizer": _stand_in(
        f"LanguageModelFeaturizer: {_VECTORS}", "model_name", "model_weights", "cache_dir"
    ),
    "ConveRTFeaturizer": _stand_in(f"ConveRTFeaturizer: {_VECTORS}", "model_url"),
    "DIETClassifier": DIET,
    "LogisticRegressionClassifier": LOGISTIC_REGRESSION,
    "SklearnIntentClassifier": SKLEARN,
    "MitieIntentClassifier": MITIE,
    "KeywordIntentClassifier": KEYWORDS,
    "FallbackClassifier": FALLBACK,
    "CRFEntityExtractor": CRF,
    "MitieEntityExtractor": MITIE_ENTITIES,
    "SpacyEntityExtractor": SPACY_ENTITIES,
    "RegexEntityExtractor": PATTERN_EXTRACTOR,
    "DucklingEntityExtractor": DUCKLING,
    "DucklingHTTPExtractor": DUCKLING,
    "EntitySynonymMapper": SYNONYMS,
    "ResponseSelector": SELECTOR,
}
"""Component name → kind."""


def find_kind(name: str, where: Where = Where()) -> Kind | None:  # noqa: B008 - immutable
    """Return the kind of a component by Rasa's name, or by the name of a custom class. None: unknown.

    Args:
        name: name in `config.yml`.
        where: the component's line in `config.yml`, for messages.
    """
    if name in KINDS:
        return KINDS[name]
    return custom_kind(name, where)
