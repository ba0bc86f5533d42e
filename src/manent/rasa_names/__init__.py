"""Stand-ins for the names that classes written for Rasa import from `rasa`.

`importing.py` makes these modules importable as `rasa.…` while a class of a project is imported and no Rasa is
installed. Each module has the path of Rasa's module, and only the names that such classes use. `docs/extending.md`
lists them.
"""

__version__ = "3.6.21"
"""The version whose interfaces the stand-ins have."""
