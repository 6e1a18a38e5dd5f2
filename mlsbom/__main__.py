"""`python -m mlsbom`."""

from mlsbom.cli import main

main()
