"""Stand-ins for `rasa.nlu.tokenizers.whitespace_tokenizer`."""

from typing import Any

from manent.core.tokens import whitespace_tokens
from manent.rasa_names.nlu.tokenizers.tokenizer import Token, Tokenizer
from manent.rasa_names.shared.nlu.training_data.message import Message


class WhitespaceTokenizer(Tokenizer):
    """Splits texts like Manent's WhitespaceTokenizer."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the default options."""
        return {"intent_tokenization_flag": False, "intent_split_symbol": "_", "token_pattern": None}

    def tokenize(self, message: Message, attribute: str) -> list[Token]:
        """Return the words in an attribute of a message."""
        text = message.get(attribute)
        tokens = [Token(text[start:end], start, end) for start, end in whitespace_tokens(text)]
        return self._apply_token_pattern(tokens)
