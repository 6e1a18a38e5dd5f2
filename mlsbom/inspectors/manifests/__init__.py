"""Inspectors of manifests."""
