"""mlsbom: what a model is made of, and whether it can be audited, licensed, reviewed, replaced and controlled."""

__version__ = "0.1.0"
