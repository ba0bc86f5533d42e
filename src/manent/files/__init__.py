"""Visitors' files: options, detection of types, storage of the bytes, scanners, links and removal."""
