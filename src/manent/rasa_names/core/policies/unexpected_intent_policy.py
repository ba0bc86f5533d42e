"""Stand-ins for `rasa.core.policies.unexpected_intent_policy`."""

from typing import ClassVar

from manent.rasa_names.core.policies.policy import BuiltInPolicy


class UnexpecTEDIntentPolicy(BuiltInPolicy):
    """`UnexpecTEDIntentPolicy`, which a project's classes can extend."""

    extends: ClassVar[str] = "UnexpecTEDIntentPolicy"
