"""What the service costs, measured side by side; each benchmark prints JSON."""
