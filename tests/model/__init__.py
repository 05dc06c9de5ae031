"""A small model of what a clinic expects, and a machine that looks for a story that breaks it."""
