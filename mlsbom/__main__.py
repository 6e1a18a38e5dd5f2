"""`python -m mlsbom`."""

from mlsbom.cli import run

run()
