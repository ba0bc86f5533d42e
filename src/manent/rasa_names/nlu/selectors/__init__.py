"""Stand-ins for `rasa.nlu.selectors`."""
