"""Stand-ins for `rasa.shared.exceptions`."""


class RasaException(Exception):
    """Base class of errors."""


class InvalidConfigException(ValueError, RasaException):
    """A configuration is invalid."""


class InvalidParameterException(RasaException, ValueError):
    """A parameter is invalid."""


class FileNotFoundException(RasaException, FileNotFoundError):
    """A file does not exist."""


class FileIOException(RasaException):
    """A file cannot be read or written."""


class ConnectionException(RasaException):
    """A connection failed."""


class YamlException(RasaException):
    """A YAML file is not valid."""
