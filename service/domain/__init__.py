"""The rules: values in, values out; no database, network, clock, settings or logging."""
