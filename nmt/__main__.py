"""Entry point of the ``nmt`` console script, of ``python -m nmt`` and of ``torchrun -m nmt``."""

import sys

from nmt.utils.signals import exit_on_signal, prepare_to_serve


def main() -> None:
    """Import the command line, which takes a moment, and run it."""
    if sys.argv[1:2] == ["serve"] and "--check" not in sys.argv:
        prepare_to_serve()
    with exit_on_signal():
        from nmt.cli import main as cli
    cli.main()


if __name__ == "__main__":
    main()
