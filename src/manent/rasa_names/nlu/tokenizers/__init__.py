"""Stand-ins for `rasa.nlu.tokenizers`."""
