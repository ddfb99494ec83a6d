"""The ``nmt`` command, as a console script, ``python -m nmt`` and ``torchrun -m nmt`` run it."""

from nmt.utils.signals import abandonable


def main() -> None:
    """Import the command line, which takes a moment, and run it."""
    with abandonable():
        from nmt.cli import main as cli
    cli.main()


if __name__ == "__main__":
    main()
