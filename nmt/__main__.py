"""``python -m nmt``, and what ``torchrun -m nmt`` runs."""

from nmt.cli import main

main()
