"""Stand-ins for `rasa.exceptions`."""

from manent.rasa_names.shared.exceptions import RasaException

__all__ = ["RasaException"]
