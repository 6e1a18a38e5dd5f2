"""From facts to things: `fold` makes components, relationships and the ledger; `document` writes and reads a survey whole.

Inspectors mention, the fold identifies: it alone decides what is one component, who owns a place, and what is not known.
"""
