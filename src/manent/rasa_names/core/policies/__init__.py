"""Stand-ins for `rasa.core.policies`. Rasa 1 has `Policy` here."""

from manent.rasa_names.core.policies.policy import Policy

__all__ = ["Policy"]
