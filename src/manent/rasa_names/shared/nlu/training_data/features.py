"""Stand-ins for `rasa.shared.nlu.training_data.features`."""

from collections.abc import Iterable
from typing import Any

import numpy as np


class Features:
    """The features of a text: a matrix with one row for the text or one row for each token.

    Attributes:
        features: a NumPy array or a SciPy matrix, (rows, features).
        type: `sentence` or `sequence`.
        attribute: the attribute that the features describe, usually `text`.
        origin: name of the component that computed the features.
    """

    def __init__(self, features: Any, feature_type: str, attribute: str, origin: str | list[str]) -> None:
        self.features = features
        self.type = feature_type
        self.attribute = attribute
        self.origin = origin

    def is_sparse(self) -> bool:
        """Return whether the features are a SciPy matrix."""
        return not self.is_dense()

    def is_dense(self) -> bool:
        """Return whether the features are a NumPy array."""
        return isinstance(self.features, np.ndarray)

    def combine_with_features(self, additional_features: "Features | None") -> None:
        """Append the columns of other features with the same number of rows.

        Raises:
            ValueError: the numbers of rows differ.
        """
        if additional_features is None:
            return
        if self.is_dense():
            self.features = np.concatenate([self.features, additional_features.features], axis=-1)
            return
        from scipy.sparse import hstack

        self.features = hstack([self.features, additional_features.features])

    @staticmethod
    def filter(
        features_list: "Iterable[Features]",
        attributes: Iterable[str] | None = None,
        type: str | None = None,  # noqa: A002  # Rasa's signature
        origin: list[str] | None = None,
        is_sparse: bool | None = None,  # noqa: FBT001  # Rasa's signature
    ) -> "list[Features]":
        """Return those of the features that have all given properties."""
        wanted = None if attributes is None else set(attributes)
        return [
            each
            for each in features_list
            if (wanted is None or each.attribute in wanted)
            and (type is None or each.type == type)
            and (origin is None or each.origin == origin or each.origin in origin)
            and (is_sparse is None or each.is_sparse() == is_sparse)
        ]
