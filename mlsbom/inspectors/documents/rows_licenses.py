"""The rows for licences: texts, notices, policies, and SPDX tags in source files."""

from __future__ import annotations

from mlsbom.inspectors import Row

_PACKS = ("licenses",)

ROWS: tuple[Row, ...] = (
    Row(
        name="documents.license_texts",
        module="mlsbom.inspectors.documents.license_texts",
        names=(
            "licen[sc]e",
            "licen[sc]es",
            "licenses/*.txt",
            "licen[sc]e[-_.]*",
            "*[-_.]licen[sc]e",
            "*[-_]licen[sc]e.txt",
            "*[-_]licen[sc]e.md",
            "copying",
            "copying[-_.]*",
            "unlicense",
            "unlicense.*",
            "notice",
            "notice[-_.]*",
            "notices",
            "notices.*",
            "third[-_]party*",
            "thirdparty*notice*",
            "use_policy*",
            "*acceptable_use*",
            "*acceptable-use*",
            "*prohibited_use*",
            "*prohibited-use*",
            "*licen[sc]eagreement*",
            "*licen[sc]e_agreement*",
            "eula",
            "eula.*",
            "*_aup.*",
            "aup.*",
            "terms_of_use*",
            "terms-of-use*",
        ),
        packs=_PACKS,
    ),
    Row(
        name="documents.license_tags",
        module="mlsbom.inspectors.documents.license_tags",
        formats=frozenset({"python", "source", "shell", "javascript", "text", "dockerfile", "yaml", "toml", "ini"}),
        triggers=(b"SPDX-License-Identifier",),
        packs=_PACKS,
    ),
)
