"""Entry point of the ``nmt`` console script, of ``python -m nmt`` and of ``torchrun -m nmt``."""

from nmt.utils.signals import exit_on_signal


def main() -> None:
    """Import the command line, which takes a moment, and run it."""
    with exit_on_signal():
        from nmt.cli import main as cli
    cli.main()


if __name__ == "__main__":
    main()
