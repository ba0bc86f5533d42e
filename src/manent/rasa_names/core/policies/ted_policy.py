"""Stand-ins for `rasa.core.policies.ted_policy`."""

from typing import ClassVar

from manent.rasa_names.core.policies.policy import BuiltInPolicy


class TEDPolicy(BuiltInPolicy):
    """`TEDPolicy`, which a project's classes can extend."""

    extends: ClassVar[str] = "TEDPolicy"
