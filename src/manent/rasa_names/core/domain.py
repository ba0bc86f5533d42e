"""Stand-ins for `rasa.core.domain`, where Rasa 1 had this class."""

from manent.rasa_names.shared.core.domain import Domain, InvalidDomain

__all__ = ["Domain", "InvalidDomain"]
