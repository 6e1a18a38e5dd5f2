"""Pointers that stand for content elsewhere: Git LFS (specification v1) and git-annex (keys of the form `SHA256E-s123--hex.ext`).

The digest and size are those of the content, as declared. The pointer's own digest is never the content's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.inspectors import Context, Yield
from mlsbom.model import Evidence, Pointer, Rule, Shortfall, Status
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = ()

LIMIT: Final = 1024
"""Bytes: a larger file is no pointer (specification of Git LFS)."""

_OID = late(r"^oid (sha256|sha512):([0-9a-f]{64}(?:[0-9a-f]{64})?)$", re.M)
_SIZE = late(r"^size (\d{1,18})$", re.M)
_KEY = late(r"/annex/objects/(?:.*/)?(SHA256|SHA512|SHA1|MD5)E?(?:-s(\d{1,18}))?(?:-m\d+)?--([0-9a-f]{32,128})(?:\.[\w.-]*)?\s*\Z")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The pointer, and a Shortfall for the content that is not here. Raises Malformed for what only begins like one."""
    if blob.size > LIMIT:
        raise Malformed(f"begins like a pointer, and has {blob.size} bytes")
    text = blob.text(LIMIT)
    if key := _KEY.match(text):
        yield Pointer(algorithm=key[1].lower(), digest=key[3], size=int(key[2]) if key[2] else None, evidence=Evidence(line=1))
    else:
        oid, size = _OID.search(text), _SIZE.search(text)
        if oid is None or size is None:
            raise Malformed("a Git LFS pointer without an oid and a size")
        line = text.count("\n", 0, oid.start()) + 1
        yield Pointer(algorithm=oid[1], digest=oid[2], size=int(size[1]), evidence=Evidence(line=line, key="oid"))
    yield Shortfall(status=Status.OPAQUE, reason="a pointer: the content that it stands for is not here; fetch it to have it read")
