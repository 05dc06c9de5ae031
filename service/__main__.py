"""`python -m service` is the `aftercare` command."""

from service.cli import main

if __name__ == "__main__":
    main()
