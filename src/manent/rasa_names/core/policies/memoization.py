"""Stand-ins for `rasa.core.policies.memoization`."""

from typing import ClassVar

from manent.rasa_names.core.policies.policy import BuiltInPolicy


class MemoizationPolicy(BuiltInPolicy):
    """`MemoizationPolicy`, which a project's classes can extend."""

    extends: ClassVar[str] = "MemoizationPolicy"


class AugmentedMemoizationPolicy(BuiltInPolicy):
    """`AugmentedMemoizationPolicy`, which a project's classes can extend."""

    extends: ClassVar[str] = "AugmentedMemoizationPolicy"
