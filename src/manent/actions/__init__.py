"""Custom actions and outside text generation: over HTTP, in this process, and the action server itself.

Implements the runtime's ports `ActionRunner` and `Generator`. Start at `opening.py`, which makes them from
`endpoints.yml`; only `manent run actions` starts at `server.py`.
"""
