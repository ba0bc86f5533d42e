"""Parses YAML into data that has line numbers. No other package parses YAML."""
