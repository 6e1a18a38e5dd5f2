"""What a licence text is and what it asks: everything behind `licenses identify`, and the licence resolver's vocabulary.

    text         bytes -> lines and words, with a map back to line numbers
    references   which known texts a text consists of, word by word, and what is left over
    titles       the title and version in a text's head
    notices      short notices: "Licensed under ...", SPDX tags, "either ... at your option"
    clauses      the conditions a text states, quoted
    facts        what is known of an identifier: kind, clauses, evidence
    expressions  SPDX expressions, tags, names, classifiers -> identifiers
    identify     all of these in order, stopping as soon as certain
    duties       the clause set of a licence, and whether another covers it
    code         code to code: compatible, incompatible, not decided

One law: a text with any restriction is never permissive, and what is not known is `unknown`.
"""
