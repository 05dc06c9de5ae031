"""What patients see in a browser: pages behind signed links, which work without script."""
