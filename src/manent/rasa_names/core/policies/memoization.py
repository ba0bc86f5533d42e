"""Stand-ins for `rasa.core.policies.memoization`."""

from typing import ClassVar

from manent.rasa_names.core.policies.policy import BuiltInPolicy


class MemoizationPolicy(BuiltInPolicy):
    """`MemoizationPolicy`, which classes of projects can extend."""

    extends: ClassVar[str] = "MemoizationPolicy"


class AugmentedMemoizationPolicy(BuiltInPolicy):
    """`AugmentedMemoizationPolicy`, which classes of projects can extend."""

    extends: ClassVar[str] = "AugmentedMemoizationPolicy"
