"""Inspectors of code."""
