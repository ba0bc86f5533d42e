"""Traces messages with OpenTelemetry, if `endpoints.yml` has a section `tracing`.

`options.py` declares the options, which are the same as in Rasa. `spans.py` implements the runtime's `Spans`.
`requests.py` opens the span of an HTTP request. OpenTelemetry is imported only if tracing is on.
"""
