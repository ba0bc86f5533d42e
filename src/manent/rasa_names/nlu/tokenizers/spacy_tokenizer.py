"""Stand-ins for `rasa.nlu.tokenizers.spacy_tokenizer`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.tokenizers.tokenizer import Tokenizer

SpacyTokenizer = built_in("SpacyTokenizer", Tokenizer)
