"""Which component does what: Rasa's names and the kinds behind them."""

from manent.nlu.component import Kind
from manent.nlu.diet import CRF, DIET
from manent.nlu.fallback import FALLBACK
from manent.nlu.featurizers import COUNT_VECTORS, load_nothing
from manent.nlu.intents import LOGISTIC_REGRESSION, MITIE, SKLEARN
from manent.nlu.keywords import KEYWORDS
from manent.nlu.patterns import PATTERN_EXTRACTOR, PATTERN_FEATURES
from manent.nlu.synonyms import SYNONYMS
from manent.nlu.tokenizers import JIEBA, WHITESPACE

KINDS: dict[str, Kind] = {
    "WhitespaceTokenizer": WHITESPACE,
    "JiebaTokenizer": JIEBA,
    "SpacyTokenizer": WHITESPACE,
    "MitieTokenizer": WHITESPACE,
    "ConveRTTokenizer": WHITESPACE,
    "LanguageModelTokenizer": WHITESPACE,
    "RegexFeaturizer": PATTERN_FEATURES,
    "LexicalSyntacticFeaturizer": Kind(load=load_nothing, idle=frozenset({"features"})),
    "CountVectorsFeaturizer": COUNT_VECTORS,
    "DIETClassifier": DIET,
    "LogisticRegressionClassifier": LOGISTIC_REGRESSION,
    "SklearnIntentClassifier": SKLEARN,
    "MitieIntentClassifier": MITIE,
    "KeywordIntentClassifier": KEYWORDS,
    "FallbackClassifier": FALLBACK,
    "CRFEntityExtractor": CRF,
    "RegexEntityExtractor": PATTERN_EXTRACTOR,
    "EntitySynonymMapper": SYNONYMS,
}
"""Component name → kind."""
