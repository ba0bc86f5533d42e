"""Stand-ins for `rasa.shared.exceptions`."""


class RasaException(Exception):
    """Base class of errors."""


class InvalidConfigException(ValueError, RasaException):
    """A configuration is invalid."""


class InvalidParameterException(RasaException, ValueError):
    """A parameter is invalid."""
