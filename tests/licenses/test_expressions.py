"""Names of licences: SPDX expressions, tags, old metadata fields, classifiers, families."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsbom.knowledge import Packs
from mlsbom.licenses import facts
from mlsbom.licenses.expressions import Node, best, named, parse, parse_ids, tag, worst

TABLE = facts.load(Packs())


@pytest.mark.parametrize(
    ("written", "expression"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("GPL-3.0", "GPL-3.0-only"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("GPL-2.0-with-classpath-exception", "GPL-2.0-only"),
        ("mit or apache-2.0", "MIT OR Apache-2.0"),
        ("MIT AND (BSD-3-Clause OR ISC)", "MIT AND (BSD-3-Clause OR ISC)"),
        ("GPL-2.0-only with classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("LicenseRef-Acme", "LicenseRef-Acme"),
        ("The MIT License (MIT)", "MIT"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apache 2.0", "Apache-2.0"),
        ("New BSD License", "BSD-3-Clause"),
        ("3-Clause BSD License", "BSD-3-Clause"),
        ("License :: OSI Approved :: MIT License", "MIT"),
        ("License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
        ("Mozilla Public License 2.0", "MPL-2.0"),
        ("MIT License, Apache 2.0", "MIT AND Apache-2.0"),
        ("Dual License: MIT or Apache 2.0", "MIT OR Apache-2.0"),
        ("UNLICENSED", "LicenseRef-proprietary"),
        ("bsl-1.0", "BSL-1.0"),
        ("openmdw-1.1", "LicenseRef-OpenMDW-1.1"),
    ],
)
def test_names_stand_for_expressions(written: str, expression: str) -> None:
    assert (
        named(written, TABLE).expression == expression or (node := parse(written, TABLE)) is not None and str(node).startswith(expression)
    )


@pytest.mark.parametrize(
    "written",
    [
        "BSD",
        "GPL",
        "Apache Software License",
        "License :: OSI Approved :: BSD License",
        "GNU General Public License (GPL)",
        "Creative Commons",
    ],
)
def test_a_family_is_ambiguous_and_lists_its_members(written: str) -> None:
    found = named(written, TABLE)
    assert found.ambiguous
    assert len(found.candidates) > 1


@pytest.mark.parametrize("written", ["", "UNKNOWN", "see LICENSE file", "none", "custom", "completely made up words"])
def test_what_names_nothing_is_no_expression(written: str) -> None:
    assert named(written, TABLE).expression is None


@pytest.mark.parametrize("written", ["MIT AND", "(MIT", "MIT Apache-2.0", "MIT WITH nothing-exception", "AND MIT", ")", "MIT OR OR ISC"])
def test_what_is_no_expression_is_none(written: str) -> None:
    assert parse(written, TABLE) is None


def test_every_tag_resolves_or_says_that_it_is_a_family() -> None:
    ambiguous = {t for t in TABLE.tags if tag(t, TABLE).ambiguous}
    assert ambiguous == {"openrail", "bsd", "cc", "gfdl", "gpl", "lgpl", "other", "unknown"}
    assert all(tag(t.upper() + " ", TABLE).expression == tag(t, TABLE).expression for t in TABLE.tags)
    assert all(TABLE.get(i) is not None for t in TABLE.tags if t not in ambiguous for i in tag(t, TABLE).ids)


def test_a_name_that_is_no_tag_is_looked_up_and_said_to_be_none() -> None:
    found = tag("hyperclovax_seed", TABLE)
    assert found.expression == "LicenseRef-hyperclovax-seed"
    assert "no Hugging Face licence tag" in found.why


IDS = st.sampled_from(["MIT", "ISC", "Apache-2.0", "GPL-3.0-only", "LicenseRef-x"]).map(lambda i: Node(id=i))
TREES = st.recursive(
    IDS,
    lambda inner: st.builds(
        lambda op, parts: Node(op=op, parts=tuple(parts)), st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3)
    ),
    max_leaves=8,
)


@given(TREES)
def test_an_expression_reads_as_it_is_written(tree: Node) -> None:
    again = parse_ids(str(tree))
    assert again is not None
    assert str(parse_ids(str(again))) == str(again)
    assert set(again.leaves()) == set(tree.leaves())


@given(st.lists(st.sampled_from(facts.KINDS), min_size=1))
def test_of_an_and_the_worst_counts_of_an_or_the_best(kinds: list[str]) -> None:
    order = facts.KINDS.index
    assert order(best(kinds)) <= order(kinds[0]) <= order(worst(kinds))


def test_the_packs_are_of_one_piece() -> None:
    titles = Packs().toml("licenses/titles.toml")["title"]
    for identifier in TABLE.ids.values():
        known = TABLE.get(identifier)
        assert known is not None
        assert known.kind in facts.KINDS
        assert known.kind not in facts.FREE or not set(known.clauses) & {"noncommercial", "research-only", "threshold", "territory"}, (
            identifier
        )
    fixed = [row["id"] for row in titles if "{" not in row["id"] and "known" not in row]
    assert [i for i in fixed if TABLE.get(i) is None] == ["LicenseRef-gemma-prohibited-use-policy"]
    assert all(len(d) == 64 for d in TABLE.known_texts)
    assert all(parse(row["license"], TABLE) for row in Packs().toml("licenses/hubs.toml")["family"])
