"""Inspectors of documents."""
