"""Stand-ins for the `rasa` modules that classes written for Rasa import.

If Rasa is not installed, `importing.py` makes these modules importable as `rasa.…` for a project's classes. Each
module has the same path as Rasa's module and defines only the names that such classes use. `docs/extending.md` lists
the names.
"""

__version__ = "3.6.21"
"""The version of Rasa whose interfaces the stand-ins implement."""
