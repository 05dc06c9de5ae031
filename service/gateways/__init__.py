"""Message providers: each one's SDK, error codes and timeouts stay in its own module."""
