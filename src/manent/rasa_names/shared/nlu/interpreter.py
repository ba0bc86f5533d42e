"""Stand-ins for `rasa.shared.nlu.interpreter`, which policies of Rasa 2 name in annotations."""


class NaturalLanguageInterpreter:
    """Parsed messages. Policies get None instead."""


class RegexInterpreter(NaturalLanguageInterpreter):
    """Parsed messages that name their intent."""
