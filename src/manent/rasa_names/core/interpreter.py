"""Stand-ins for `rasa.core.interpreter`, which policies of Rasa 1 use in annotations."""

from manent.rasa_names.shared.nlu.interpreter import NaturalLanguageInterpreter, RegexInterpreter

__all__ = ["NaturalLanguageInterpreter", "RegexInterpreter"]
