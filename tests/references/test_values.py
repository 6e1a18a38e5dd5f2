"""Where the text of an argument can come from."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .reading import names, read

WAYS = [
    "X = 'acme-lab/m'\nA.from_pretrained(X)",
    "def f():\n    x = 'acme-lab/m'\n    A.from_pretrained(x)",
    "def f(x='acme-lab/m'):\n    A.from_pretrained(x)",
    "def f(*, x: str = 'acme-lab/m'):\n    A.from_pretrained(x)",
    "ORG = 'acme-lab'\nA.from_pretrained(f'{ORG}/m')",
    "ORG = 'acme-lab'\nA.from_pretrained(ORG + '/m')",
    "import os\nA.from_pretrained(os.environ.get('M', 'acme-lab/m'))",
    "from os import getenv\nA.from_pretrained(getenv('M', default='acme-lab/m'))",
    "import os\nA.from_pretrained(os.environ.get('M') or 'acme-lab/m')",
    "import argparse\np = argparse.ArgumentParser()\np.add_argument('--model-id', default='acme-lab/m')\n"
    "args = p.parse_args()\nA.from_pretrained(args.model_id)",
    "class C:\n    M = 'acme-lab/m'\n    def f(self):\n        A.from_pretrained(self.M)",
    "class C:\n    def __init__(self):\n        self.m = 'acme-lab/m'\n    def f(self):\n        A.from_pretrained(self.m)",
    "from dataclasses import dataclass, field\n@dataclass\nclass C:\n    m: str = field(default='acme-lab/m')\n"
    "c = C()\nA.from_pretrained(c.m)",
    "M = {'a': 'acme-lab/m'}\nA.from_pretrained(M['a'])",
    "M = {'a': 'acme-lab/m'}\nA.from_pretrained(M.get(k, 'acme-lab/m'))",
    "for m in ['acme-lab/m']:\n    A.from_pretrained(m)",
    "for k, m in {'a': 'acme-lab/m'}.items():\n    A.from_pretrained(m)",
    "A.from_pretrained('acme-lab/m' if big else './small')",
    "(m := 'acme-lab/m')\nA.from_pretrained(m)",
    "kw = {'pretrained_model_name_or_path': 'acme-lab/m'}\nA.from_pretrained(**kw)",
    "A.from_pretrained('{}/{}'.format('acme-lab', 'm'))",
]


@pytest.mark.parametrize("source", WAYS)
def test_resolved(source: str) -> None:
    found = read(source)
    assert names(found) == ["acme-lab/m"]
    assert found[0].evidence.confidence in (0.7, 0.9)
    row = source.splitlines()[found[0].evidence.line - 1]
    assert "from_pretrained" in row or "acme-lab/m" in row


def test_every_alternative_counts() -> None:
    assert names(read("M = ['acme-lab/a', 'acme-lab/b']\nfor m in M:\n    A.from_pretrained(m)")) == ["acme-lab/a", "acme-lab/b"]
    assert names(read("N = {'x': 'acme-lab/a', 'y': 'acme-lab/b'}\nA.from_pretrained(N[which])")) == ["acme-lab/a", "acme-lab/b"]


@pytest.mark.parametrize(
    "source",
    [
        "x = x\nA.from_pretrained(x)",
        "a = b\nb = a\nA.from_pretrained(a)",
        "x += 'a'\nA.from_pretrained(x)",
        "A.from_pretrained(A.from_pretrained(A))",
    ],
)
def test_cycles_end(source: str) -> None:
    assert read(source) == []


PART = st.text(string.ascii_lowercase + string.digits, min_size=3, max_size=12).filter(lambda s: s[0].isalpha())


@given(owner=PART, name=PART)
def test_a_literal_and_its_parts_mean_the_same(owner: str, name: str) -> None:
    literal = read(f"A.from_pretrained('{owner}/{name}')")
    assert names(literal) == names(read(f"o = '{owner}'\nn = '{name}'\nA.from_pretrained(f'{{o}}/{{n}}')"))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    from mlsbom.errors import ReadError

    try:
        read("import requests\n" + text)
    except ReadError:
        pass
