"""Runs custom actions over HTTP or in this process, calls NLG servers, and contains the action server.

The package implements the runtime's ports `ActionRunner` and `Generator`. `opening.py` creates both from
`endpoints.yml`. The entry point of `manent run actions` is `server.py`.
"""
