"""Readers of `config.yml`, `credentials.yml` and `endpoints.yml`."""
