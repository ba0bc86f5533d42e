"""Stand-ins for `rasa.core.domain`, the location of this class in Rasa 1."""

from manent.rasa_names.shared.core.domain import Domain, InvalidDomain

__all__ = ["Domain", "InvalidDomain"]
