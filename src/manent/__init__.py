"""Manent: a chatbot server whose conversations last.

Importing this package is fast, because heavy libraries are imported where they are used.
"""

__version__ = "0.1.0"
