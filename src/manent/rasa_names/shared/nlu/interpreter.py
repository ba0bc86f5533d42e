"""Stand-ins for `rasa.shared.nlu.interpreter`, which policies of Rasa 2 use in annotations."""


class NaturalLanguageInterpreter:
    """Parsed messages. Policies get None instead."""


class RegexInterpreter(NaturalLanguageInterpreter):
    """In Rasa, parses messages that name their intent."""
