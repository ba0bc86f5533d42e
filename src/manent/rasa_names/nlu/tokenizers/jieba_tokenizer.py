"""Stand-ins for `rasa.nlu.tokenizers.jieba_tokenizer`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.tokenizers.tokenizer import Tokenizer

JiebaTokenizer = built_in("JiebaTokenizer", Tokenizer)
