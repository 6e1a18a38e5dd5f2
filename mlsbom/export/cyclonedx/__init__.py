"""CycloneDX 1.5, 1.6 and 1.7 from one tree of plain dictionaries: `build` makes it, `json` and `xml` write it.

Own builder because cyclonedx-python-lib has no class for modelCard, component data or compositions and drops them silently; the library's
schemas and enums are the oracle of the tests.
"""
