"""Values with lines: JSON, YAML and TOML alike."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsbom.blob import BytesBlob
from mlsbom.formats import frontmatter, located

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8).filter(lambda k: k != "<<"), inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 0, 2]))
def test_json_is_what_json_says(value: object, indent: int | None) -> None:
    assert located.read_json(BytesBlob(json.dumps(value, indent=indent).encode())).root.value == value


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=6), st.integers(), min_size=1, max_size=8))
def test_lines_of_keys(value: dict[str, int]) -> None:
    text = json.dumps(value, indent=1)
    root = located.read_json(BytesBlob(text.encode())).root
    for key, found in root.items():
        assert f'"{key}"' in text.splitlines()[(found.line or 0) - 1]


def test_toml_lines() -> None:
    root = located.read_toml(BytesBlob(b'a = 1\n[t]\nb = "x"\n[[r]]\nc = "y"\n[[r]]\nc = ["z"]\n')).root
    first, second = (root.get("r") or root).each()
    found = [root.get("a"), root.get("t", "b"), first.get("c"), second.get("c")]
    assert [f.line for f in found if f] == [1, 3, 5, 7]


def test_once_or_as_a_list() -> None:
    root = located.read_yaml(BytesBlob(b"one: x\nmany:\n- y\n- z\n")).root
    one, many = root.get("one"), root.get("many")
    assert one and many
    assert [v.text for v in one.each()] == ["x"] and [(v.text, v.line) for v in many.each()] == [("y", 3), ("z", 4)]


@given(st.text(max_size=300))
def test_any_text_is_a_card(text: str) -> None:
    for whole in (text, f"---\n{text}\n---\n{text}", f"---\nkey: {text}\n---\n"):
        card = frontmatter.loads(whole)
        total = whole.count("\n") + 1 + len(whole.splitlines())
        assert all(1 <= section.line <= total for section in card.sections)


@pytest.mark.parametrize("heading", ["# One", "One\n===", "<h1 align='center'>One</h1>", "#   One ##"])
def test_headings(heading: str) -> None:
    card = frontmatter.loads(f"---\nkey: 1\n---\n\n{heading}\n\ntext\n```\n# no heading\n```\n")
    assert [(s.title, s.level, s.line) for s in card.sections if s.title] == [("One", 1, 5)]
