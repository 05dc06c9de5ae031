"""The JSON API, version 1: what other systems of a clinic call."""
