"""`python -m service` is `unglue`."""

import signal


def main() -> None:
    """Run the command; Ctrl-C while its modules still load ends the process without a word."""
    # Ignored, as in the background of a shell, it stays ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from service.cli import main as run  # noqa: PLC0415 - loading it takes the time meant

    run()


if __name__ == "__main__":
    main()
