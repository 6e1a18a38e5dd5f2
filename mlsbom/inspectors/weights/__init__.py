"""Inspectors of weights."""
