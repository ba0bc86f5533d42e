"""The types that all other packages use: events, tracker, domain, messages, errors.

They do no I/O and use no library except msgspec.
"""
