"""Stand-ins for `rasa.core.policies.rule_policy`."""

from typing import ClassVar

from manent.rasa_names.core.policies.policy import BuiltInPolicy


class RulePolicy(BuiltInPolicy):
    """`RulePolicy`, which a project's classes can extend."""

    extends: ClassVar[str] = "RulePolicy"
