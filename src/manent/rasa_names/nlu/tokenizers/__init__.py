"""Stand-ins for `rasa.nlu.tokenizers`. Rasa 1 has `Token` and `Tokenizer` here."""

from manent.rasa_names.nlu.tokenizers.tokenizer import Token, Tokenizer

__all__ = ["Token", "Tokenizer"]
