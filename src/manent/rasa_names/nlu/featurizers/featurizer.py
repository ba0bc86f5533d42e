"""Stand-ins for `rasa.nlu.featurizers.featurizer`.

In Rasa 1 and 2, this module also contains the dense and the sparse featurizer.
"""

from abc import ABC
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import numpy as np

from manent.rasa_names.nlu.component_config import Configured, NameOfClass
from manent.rasa_names.nlu.constants import FEATURIZER_CLASS_ALIAS
from manent.rasa_names.shared.nlu.constants import FEATURE_TYPE_SENTENCE, FEATURE_TYPE_SEQUENCE
from manent.rasa_names.shared.nlu.training_data.features import Features
from manent.rasa_names.shared.nlu.training_data.message import Message

FeatureType = TypeVar("FeatureType")


class Featurizer(Configured, ABC, Generic[FeatureType]):
    """Converts texts and words to numbers."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the default options."""
        return {FEATURIZER_CLASS_ALIAS: None}

    def __init__(self, name: Any = None, config: dict[str, Any] | None = None, **_: Any) -> None:
        if isinstance(name, dict):  # Rasa 1 and 2 pass only the options
            name, config = type(self).__name__, name
        super().__init__(config)
        self.validate_config(self._config)
        self._identifier: str = self._config.get(FEATURIZER_CLASS_ALIAS) or name or type(self).__name__

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Check the options. Subclasses can override this."""

    name: Any = NameOfClass()

    def add_features_to_message(self, sequence: Any, sentence: Any, attribute: str, message: Message) -> None:
        """Add to an attribute the features of its words and of its text."""
        for kind, features in ((FEATURE_TYPE_SEQUENCE, sequence), (FEATURE_TYPE_SENTENCE, sentence)):
            if features is not None:
                message.add_features(Features(features, kind, attribute, self._identifier))

    @staticmethod
    def raise_if_featurizer_configs_are_not_compatible(featurizer_configs: Iterable[dict[str, Any]]) -> None:
        """Do nothing, because in Manent each featurizer already has a different name."""


class DenseFeaturizer(Featurizer[np.ndarray[Any, Any]], ABC):
    """A featurizer whose features are NumPy arrays."""

    @staticmethod
    def aggregate_sequence_features(
        dense_sequence_features: np.ndarray[Any, Any],
        pooling_operation: str,
        only_non_zero_vectors: bool = True,  # noqa: FBT001, FBT002  # Rasa's signature
    ) -> np.ndarray[Any, Any]:
        """Return the mean or the maximum of the words' features: (1, features).

        Raises:
            ValueError: the operation is unknown.
        """
        rows = dense_sequence_features
        if only_non_zero_vectors:
            rows = rows[np.asarray(rows).any(axis=1)]
        if len(rows) == 0:
            return np.zeros((1, dense_sequence_features.shape[-1]))
        if pooling_operation == "mean":
            return np.asarray(np.mean(rows, axis=0, keepdims=True))
        if pooling_operation == "max":
            return np.asarray(np.max(rows, axis=0, keepdims=True))
        raise ValueError(f"invalid pooling operation {pooling_operation!r}; expected mean or max")

    def _calculate_sentence_features(self, features: np.ndarray[Any, Any], pooling_operation: str) -> Any:
        return self.aggregate_sequence_features(features, pooling_operation)


class SparseFeaturizer(Featurizer[Any], ABC):
    """A featurizer whose features are SciPy matrices."""
