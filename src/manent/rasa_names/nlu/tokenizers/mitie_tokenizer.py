"""Stand-ins for `rasa.nlu.tokenizers.mitie_tokenizer`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.tokenizers.tokenizer import Tokenizer

MitieTokenizer = built_in("MitieTokenizer", Tokenizer)
