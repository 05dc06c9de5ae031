"""Turns HTTP into calls of the pathway."""
