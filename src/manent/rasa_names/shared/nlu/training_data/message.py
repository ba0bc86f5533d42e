"""Stand-ins for `rasa.shared.nlu.training_data.message`."""

import copy
from typing import Any

from manent.rasa_names.shared.nlu.constants import (
    ACTION_NAME,
    ACTION_TEXT,
    ENTITIES,
    FEATURE_TYPE_SENTENCE,
    FEATURE_TYPE_SEQUENCE,
    INTENT,
    INTENT_RESPONSE_KEY,
    METADATA,
    RESPONSE,
    RESPONSE_IDENTIFIER_DELIMITER,
    TEXT,
    TEXT_TOKENS,
)
from manent.rasa_names.shared.nlu.training_data.features import Features


class Message:
    """A message or an example, with the attributes and features that components add.

    Attributes:
        data: attribute → value.
        features: features that featurizers added.
        output_properties: attributes that are part of the NLU result.
    """

    def __init__(
        self,
        data: dict[str, Any] | str | None = None,
        output_properties: Any = None,
        time: float | None = None,
        features: list[Features] | None = None,
        **kwargs: Any,
    ) -> None:
        # Rasa 1 passes the text as the first argument.
        self.data: dict[str, Any] = {TEXT: data} if isinstance(data, str) else dict(data or {})
        self.time = time
        self.features: list[Features] = list(features or ())
        self.output_properties: set[str] = {TEXT, *(output_properties or ())}
        self.data.update(kwargs)

    @property
    def text(self) -> Any:
        """The text."""
        return self.data.get(TEXT)

    @text.setter
    def text(self, text: str) -> None:
        self.data[TEXT] = text

    def get(self, prop: str, default: Any = None) -> Any:
        """Return an attribute. Rasa 1 has the tokens in the attribute `tokens`."""
        return self.data.get(TEXT_TOKENS if prop == "tokens" and prop not in self.data else prop, default)

    def set(
        self,
        prop: str,
        info: Any,
        add_to_output: bool = False,  # noqa: FBT001, FBT002  # Rasa's signature
    ) -> None:
        """Set an attribute."""
        self.data[prop] = info
        if add_to_output:
            self.output_properties.add(prop)

    def add_features(self, features: Features | None) -> None:
        """Add features."""
        if features is not None:
            self.features.append(features)

    def add_diagnostic_data(self, origin: str, data: dict[str, Any]) -> None:
        """Store diagnostic data for the developer of a component."""
        self.data.setdefault("diagnostic_data", {})[origin] = data

    def as_dict(
        self,
        only_output_properties: bool = False,  # noqa: FBT001, FBT002  # Rasa's signature
    ) -> dict[str, Any]:
        """Return the attributes that have a value."""
        return {
            name: value
            for name, value in self.data.items()
            if value is not None and (not only_output_properties or name in self.output_properties)
        }

    def as_dict_nlu(self) -> dict[str, Any]:
        """Return the message as training data, without tokens and with the full name of a retrieval intent."""
        found = {name: value for name, value in self.as_dict().items() if not name.endswith("_tokens")}
        if found.get(INTENT):
            found[INTENT] = self.get_full_intent()
        for name in (RESPONSE, INTENT_RESPONSE_KEY):
            found.pop(name, None)
        return found

    @classmethod
    def build(
        cls,
        text: str,
        intent: str | None = None,
        entities: list[dict[str, Any]] | None = None,
        intent_metadata: Any = None,
        example_metadata: Any = None,
        **kwargs: Any,
    ) -> "Message":
        """Create an example."""
        data: dict[str, Any] = {TEXT: text}
        if intent:
            data[INTENT], response_key = cls.separate_intent_response_key(intent)
            if response_key:
                data[INTENT_RESPONSE_KEY] = intent
        if entities:
            data[ENTITIES] = entities
        metadata = {"intent": intent_metadata, "example": example_metadata}
        if any(value is not None for value in metadata.values()):
            data[METADATA] = {name: value for name, value in metadata.items() if value is not None}
        return cls(data=data, **kwargs)

    @staticmethod
    def separate_intent_response_key(original_intent: str) -> tuple[str, str | None]:
        """Split `faq/ask_name` into `faq` and `ask_name`."""
        intent, _, key = original_intent.partition(RESPONSE_IDENTIFIER_DELIMITER)
        return intent, key or None

    def get_full_intent(self) -> str:
        """Return the intent, including the response key of a retrieval intent."""
        return str(self.get(INTENT_RESPONSE_KEY) or self.get(INTENT) or "")

    def get_all_features(self, attribute: str, featurizers: list[str] | None = None) -> list[Features]:
        """Return all features of an attribute, first sparse, then dense."""
        found = [
            *self.get_sparse_features(attribute, featurizers),
            *self.get_dense_features(attribute, featurizers),
        ]
        return [each for each in found if each is not None]

    def get_sparse_features(
        self, attribute: str, featurizers: list[str] | None = None
    ) -> tuple[Features | None, Features | None]:
        """Return the tokens' sparse features and the text's sparse features."""
        return self._of_both_types(attribute, featurizers, is_sparse=True)

    def get_dense_features(
        self, attribute: str, featurizers: list[str] | None = None
    ) -> tuple[Features | None, Features | None]:
        """Return the tokens' dense features and the text's dense features."""
        return self._of_both_types(attribute, featurizers, is_sparse=False)

    def features_present(self, attribute: str, featurizers: list[str] | None = None) -> bool:
        """Return whether the message has features of an attribute."""
        return bool(self.get_all_features(attribute, featurizers))

    def is_core_or_domain_message(self) -> bool:
        """Return whether this is an action from a story instead of a user message."""
        return bool(self.data.get(ACTION_NAME) or self.data.get(ACTION_TEXT))

    def is_e2e_message(self) -> bool:
        """Return whether this is a text from a story, without an intent."""
        return bool(self.get(ACTION_TEXT) or (self.get(TEXT) and not (self.get(INTENT) or self.get(RESPONSE))))

    def find_overlapping_entities(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return the pairs of overlapping entities."""
        entities = sorted(self.get(ENTITIES) or (), key=lambda entity: entity["start"])
        return [
            (first, second)
            for index, first in enumerate(entities)
            for second in entities[index + 1 :]
            if second["start"] < first["end"]
        ]

    def _of_both_types(
        self, attribute: str, featurizers: list[str] | None, *, is_sparse: bool
    ) -> tuple[Features | None, Features | None]:
        both = []
        for kind in (FEATURE_TYPE_SEQUENCE, FEATURE_TYPE_SENTENCE):
            found = Features.filter(
                self.features, attributes=[attribute], type=kind, origin=featurizers or None, is_sparse=is_sparse
            )
            combined = copy.copy(found[0]) if found else None
            for each in found[1:]:
                if combined is not None:
                    combined.combine_with_features(each)
            both.append(combined)
        return both[0], both[1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(str(sorted(self._identity().items(), key=str)))

    def _identity(self) -> dict[str, Any]:
        return {name: value for name, value in self.data.items() if name != TEXT_TOKENS}
