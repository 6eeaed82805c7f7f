"""`python -m service` is `unglue`."""

from service.cli import main

if __name__ == "__main__":
    main()
