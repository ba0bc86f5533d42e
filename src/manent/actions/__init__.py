"""Custom actions and response servers: over HTTP or in this process, and the action server itself.

Implements the runtime's ports `ActionRunner` and `Generator`. `opening.py` creates them from `endpoints.yml`. The entry
point of `manent run actions` is `server.py`.
"""
