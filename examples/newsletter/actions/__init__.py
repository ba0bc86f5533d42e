"""Custom actions of the newsletter assistant; `manent run actions` serves them."""
