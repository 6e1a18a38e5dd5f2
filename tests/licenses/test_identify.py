"""Texts to identifiers. The law: a text with any restriction is never permissive, and what is not known is unknown."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsbom import rulebook
from mlsbom.knowledge import Packs
from mlsbom.licenses.facts import FREE
from mlsbom.licenses.identify import Identified, identify

PACKS = Packs()
MIT = next(content for kind, name, content in rulebook.page("LICENSE-TEXT-MISSING").cases if (kind, name) == ("benign", "LICENSE"))
RESTRICTIONS = (
    "The Software may be used for non-commercial purposes only.",
    "The Software shall not be used for military purposes.",
    "You may not use the Software to compete with the author.",
    'If the Software is used for a product with more than 100 million monthly active users, you shall prominently display "Made with Acme".',
    "You must not remove, disable or circumvent any safety filters in the Software.",
    "This license does not apply in the European Union.",
    "Permission is not granted to use this Software as sample data for the purposes of building machine learning models.",
    "You may not sell the Software.",
    "Use of the Software is limited solely to devices made by the author.",
)


def read(text: str) -> Identified:
    return identify(text.encode(), PACKS)


def test_an_ordinary_text_is_known_in_any_wrapping() -> None:
    for text in (
        MIT,
        MIT.upper(),
        "\n".join(textwrap.wrap(MIT, 50)),
        "# " + MIT.replace("\n", "\n# "),
        MIT.replace("Example", "Someone Else, Inc."),
    ):
        found = read(text)
        assert (found.expression, found.kind) == ("MIT", "permissive")
        assert found.licenses[0].score >= 0.95


@given(st.sampled_from(RESTRICTIONS), st.integers(0, 4), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_restriction_anywhere_in_an_ordinary_text_is_never_permissive(restriction: str, at: int, wrapped: bool) -> None:
    parts = MIT.split("\n\n")
    parts.insert(min(at, len(parts)), restriction)
    text = "\n\n".join(textwrap.fill(p, 72) if wrapped else p for p in parts)
    found = read(text)
    assert found.kind not in FREE, found
    assert found.expression != "MIT"
    assert "mit-modified" in str(found.expression)


def test_two_texts_in_one_file_are_both_named() -> None:
    isc = (
        "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided that the above\n"
        "copyright notice and this permission notice appear in all copies.\n\n"
        'THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF\n'
        "MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES\n"
        "WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR\n"
        "IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.\n"
    )
    assert read(isc).expression == "ISC"
    both = read(f"{MIT}\n\n-----\n\nISC License\n\n{isc}")
    assert sorted(str(both.expression).split(" AND ")) == ["ISC", "MIT"]


@pytest.mark.parametrize(
    ("title", "expression"),
    [
        ("LLAMA 3.2 COMMUNITY LICENSE AGREEMENT", "LicenseRef-llama3.2-community"),
        ("**META LLAMA 3 COMMUNITY LICENSE AGREEMENT**", "LicenseRef-llama3-community"),
        ("EXAONE AI Model License Agreement 1.2 - NC", "LicenseRef-exaone-1.2-nc"),
        ("K-EXAONE AI Model License Agreement", "LicenseRef-k-exaone"),
        ("Tongyi Qianwen RESEARCH LICENSE AGREEMENT", "LicenseRef-tongyi-qianwen-research"),
        ("Gemma Terms of Use", "LicenseRef-gemma"),
        ("CreativeML Open RAIL++-M License\ndated November 24, 2022", "LicenseRef-openrail++-m"),
        ("FLUX.1 [dev] Non-Commercial License v1.1.1", "LicenseRef-flux-1-dev-nc"),
        ("DEEPSEEK LICENSE AGREEMENT\nVersion 1.0, 23 October 2023", "LicenseRef-deepseek-1.0"),
        ("The ChatGLM3-6B License", "LicenseRef-chatglm3"),
    ],
)
def test_titles_tell_the_exact_version(title: str, expression: str) -> None:
    found = read(f"{title}\n\n1. You may use the materials for non-commercial research purposes only.\n")
    assert found.expression == expression
    assert found.kind not in FREE
    assert found.clauses


def test_a_version_that_is_not_in_the_table_is_named_and_said_to_be_unknown() -> None:
    found = read(
        "LLAMA 9.7 COMMUNITY LICENSE AGREEMENT\n\nIf you have more than 700 million monthly active users, you must request a license.\n"
    )
    assert found.expression == "LicenseRef-llama9.7-community"
    assert found.kind == "custom-community"
    assert "not in the facts table" in found.why


def test_a_permissive_title_over_a_restricting_body_is_not_permissive() -> None:
    found = read("OpenMDW License Agreement, version 1.0 (OpenMDW-1.0)\n\nThe model may be used for non-commercial purposes only.\n")
    assert (found.expression, found.kind) == ("LicenseRef-openmdw-1.0-modified", "noncommercial")
    assert "restricts" in found.why


def test_a_permissive_title_alone_promises_nothing() -> None:
    found = read("OpenMDW License Agreement, version 1.0 (OpenMDW-1.0)\n\nAsk us what you may do with it.\n")
    assert (found.expression, found.kind) == ("OpenMDW-1.0", "unknown")
    assert "only the title" in found.why


def test_an_unknown_text_has_a_stable_name_and_the_kind_of_its_clauses() -> None:
    text = "By taking this you accept what follows. You may not use it for commercial purposes, and a copy of this license goes with it."
    one, other = read(text), read("\n".join(textwrap.wrap(text, 30)))
    assert one.expression == other.expression
    assert str(one.expression).startswith("LicenseRef-unknown-")
    assert (one.kind, one.licenses[0].score) == ("noncommercial", 0.0)
    silent = read("Some Other License\n\nThis is our license. It is a fine license.\n")
    assert silent.kind == "unknown"


def test_a_heading_names_an_unknown_text() -> None:
    found = read("Acme Community License 1.0\n\nYou may use this model for non-commercial purposes only.\n")
    assert (found.expression, found.kind, found.title) == ("LicenseRef-acme-community-1.0", "noncommercial", "Acme Community License 1.0")


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ('Licensed under the Apache License, Version 2.0 (the "License").', "Apache-2.0"),
        (
            "it under the terms of the GNU General Public License as published by the Free Software Foundation; either version 3 of the License, or (at your option) any later version.",
            "GPL-3.0-or-later",
        ),
        ("GNU Lesser General Public License, version 2.1.", "LGPL-2.1-only"),
        ("This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.", "MPL-2.0"),
        ("SPDX-License-Identifier: MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("# SPDX-License-Identifier: GPL-2.0+", "GPL-2.0-or-later"),
        ("available under the terms of *either* of the licenses found in LICENSE.APACHE2 or LICENSE.MIT.", "Apache-2.0 OR MIT"),
    ],
)
def test_short_notices(text: str, expression: str) -> None:
    assert read(text).expression == expression


@pytest.mark.parametrize("data", [b"", b"\0\1\2" * 50, b"<html><title>Sign in</title></html>", b"%PDF-1.4"])
def test_what_is_no_text_is_null_with_a_reason(data: bytes) -> None:
    found = identify(data, PACKS)
    assert found.expression is None
    assert found.why


def test_contradictory_and_huge_files_have_a_result_with_its_reason() -> None:
    found = read("SPDX-License-Identifier: MIT\n\nThis model is for research purposes only.\n")
    assert found.kind not in FREE
    huge = identify((MIT + "\n" + "filler words go on and on\n" * 200_000).encode(), PACKS)
    assert huge.partial
    assert "were read" in huge.why


@given(st.binary(max_size=400))
@settings(max_examples=60, deadline=None)
def test_any_bytes_give_a_row(data: bytes) -> None:
    row = identify(data, PACKS).row()
    assert set(row) == {"expression", "why", "licenses"}
    assert row["expression"] or row["why"]
