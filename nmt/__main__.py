"""The ``nmt`` command, as a console script, ``python -m nmt`` and ``torchrun -m nmt`` run it."""

from nmt.interruption import abandonable


def main() -> None:
    """Import the command line, which takes a moment, and run it."""
    with abandonable():
        from nmt import cli
    cli.main()


if __name__ == "__main__":
    main()
