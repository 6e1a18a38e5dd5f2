"""Git LFS pointers and git-annex links."""

from __future__ import annotations

import pytest

from mlsbom.errors import Malformed
from mlsbom.model import Pointer, Shortfall

from .reading import read

OID = "0123456789abcdef" * 4
LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 123\n"


@pytest.mark.parametrize(
    ("text", "algorithm", "size"),
    [
        (LFS, "sha256", 123),
        (LFS.replace("oid", "ext-0-x sha256:00\noid"), "sha256", 123),
        (f"/annex/objects/SHA256E-s456--{OID}.safetensors\n", "sha256", 456),
        (f"/annex/objects/SHA256--{OID}", "sha256", None),
    ],
)
def test_pointers(text: str, algorithm: str, size: int | None) -> None:
    pointer, shortfall = read("model.safetensors", text)
    assert isinstance(pointer, Pointer) and isinstance(shortfall, Shortfall)
    assert (pointer.algorithm, pointer.digest, pointer.size) == (algorithm, OID, size)
    assert shortfall.status == "opaque"


@pytest.mark.parametrize("text", [LFS.replace("size", "sise"), LFS.replace(OID, "xyz"), LFS + "x" * 2000])
def test_what_only_begins_like_one(text: str) -> None:
    with pytest.raises(Malformed):
        read("model.safetensors", text)
