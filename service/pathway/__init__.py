"""One module per step of the walk: each loads, asks the domain, saves."""
