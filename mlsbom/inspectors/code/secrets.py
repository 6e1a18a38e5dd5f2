"""Secrets in text: tokens of fixed form, checked by checksum or exact length; private keys. Values are never shown: prefix, length and a
short digest are."""

from __future__ import annotations

import binascii
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from mlsbom.blob import Blob
from mlsbom.inspectors import Context, Yield
from mlsbom.model import Confidence, Evidence, Rule, Severity, Technique
from mlsbom.patterns import late

SECRET = Rule(id="SECRET", title="A file holds a secret", severity=Severity.HIGH)
RULES = (SECRET,)

TEXT_LIMIT: Final = 8 << 20
_FORMS: Final[tuple[tuple[str, bytes, re.Pattern[str]], ...]] = (
    ("Hugging Face token", b"hf_", late(r"(?<![\w-])hf_[A-Za-z]{34}(?![\w-])")),
    ("GitHub token", b"ghp_", late(r"(?<![\w-])ghp_[A-Za-z0-9]{36}(?![\w-])")),
    ("GitHub token", b"gho_", late(r"(?<![\w-])gh[ousr]_[A-Za-z0-9]{36}(?![\w-])")),
    ("GitHub token", b"ghs_", late(r"(?<![\w-])gh[sr]_[A-Za-z0-9]{36}(?![\w-])")),
    ("GitHub token", b"github_pat_", late(r"(?<![\w-])github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}(?![\w-])")),
    ("GitLab token", b"glpat-", late(r"(?<![\w-])glpat-[A-Za-z0-9_-]{20}(?![\w-])")),
    ("AWS access key", b"AKIA", late(r"(?<![A-Za-z0-9/+=_])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9/+=_])")),
    ("Google API key", b"AIza", late(r"(?<![\w-])AIza[A-Za-z0-9_-]{35}(?![\w-])")),
    ("Anthropic API key", b"sk-ant-", late(r"(?<![\w-])sk-ant-(?:api|admin)\d\d-[A-Za-z0-9_-]{93}AA(?![\w-])")),
    (
        "OpenAI API key",
        b"T3BlbkFJ",
        late(r"(?<![\w-])sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,100}T3BlbkFJ[A-Za-z0-9_-]{20,100}(?![\w-])"),
    ),
    ("Slack token", b"xox", late(r"(?<![\w-])xox[bpars]-\d{10,13}-\d{10,13}(?:-\d{10,13})?-[A-Za-z0-9]{24,34}(?![\w-])")),
    (
        "Slack webhook",
        b"hooks.slack.com",
        late(r"https://hooks\.slack\.com/services/T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{24}(?!\w)"),
    ),
    ("PyPI token", b"pypi-AgEI", late(r"(?<![\w-])pypi-AgEI[A-Za-z0-9_-]{80,250}(?![\w-])")),
    ("npm token", b"npm_", late(r"(?<![\w-])npm_[A-Za-z0-9]{36}(?![\w-])")),
    ("Stripe key", b"k_live_", late(r"(?<![\w-])[rs]k_live_[A-Za-z0-9]{24,99}(?![\w-])")),
    ("SendGrid key", b"SG.", late(r"(?<![\w-])SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}(?![\w-])")),
    ("Replicate token", b"r8_", late(r"(?<![\w-])r8_[A-Za-z0-9]{37}(?![\w-])")),
    ("Groq API key", b"gsk_", late(r"(?<![\w-])gsk_[A-Za-z0-9]{52}(?![\w-])")),
    ("Weights & Biases key", b"wandb", late(r"(?i:WANDB_API_KEY)['\"]?\s*[=:]\s*['\"]?([0-9a-f]{40})(?![0-9a-f])")),
    ("Telegram bot token", b":AA", late(r"(?<![\w:-])\d{8,10}:AA[A-Za-z0-9_-]{33}(?![\w-])")),
    ("JSON web token", b"eyJ", late(r"(?<![\w-])eyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{40,}(?![\w-])")),
)
_KEY: Final = late(r"-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED |PGP )?PRIVATE KEY(?: BLOCK)?-----")
_KEY_BODY: Final = late(r"[A-Za-z0-9+/=:,.\\\s-]{64,20000}")
_KEYS: Final = 100
_STEMS: Final = tuple(dict.fromkeys(stem for _, stem, _ in _FORMS))
_EXAMPLE: Final = late(
    r"example|sample|dummy|fake|placeholder|changeme|redacted|xxxx|your|test|0{8}|1234567|abcdef(?:gh)|(.)\1{5}", re.I
)
_TESTS: Final = late(
    r"(?:^|/)(?:tests?|testing|testdata|fixtures?|examples?|docs?|mocks?|snapshots?)/|test_[^/]*$|_test\.\w+$|\.snap$", re.I
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Findings in one text."""
    if blob.size > TEXT_LIMIT:
        return  # a vocabulary or a log; `tokenizer.json` is read by its own inspector
    data = blob.data(TEXT_LIMIT)
    if b"\0" in data:  # UTF-16 is searched as its ASCII
        data = data.replace(b"\0", b"")
    stems = {s for s in _STEMS if s in data}
    key = b"PRIVATE KEY" in data
    if not stems and not key:
        return
    text = blob.text()
    path = context.member or context.path
    mild = _TESTS.search(path) is not None
    said: set[str] = set()
    for what, stem, form in _FORMS:
        for match in form.finditer(text) if stem in stems else ():
            value = match[1] if match.lastindex else match[0]
            if value in said or not _real(what, value) or len(said) >= 100:
                continue
            said.add(value)
            yield _finding(what, value, text.count("\n", 0, match.start()) + 1, mild)
    for match in islice(_KEY.finditer(text), _KEYS) if key else ():
        body = text[match.end() : text.find("-----END", match.end(), match.end() + 20_016)]
        if _KEY_BODY.fullmatch(body) and not _EXAMPLE.search(re.sub(r"\s", "", body)[:400]):
            yield _finding("private key", body, text.count("\n", 0, match.start()) + 1, mild)


def _finding(what: str, value: str, line: int, mild: bool) -> Yield:
    shown = f"{what} ({value[:4]}…, {len(value)} characters, SHA-256 {hashlib.sha256(value.encode()).hexdigest()[:8]})"
    if what == "private key":
        shown = f"private key (SHA-256 {hashlib.sha256(value.encode()).hexdigest()[:8]})"
    return SECRET.finding(
        shown,
        evidence=Evidence(line=line, technique=Technique.SOURCE, confidence=0.9),
        severity=Severity.LOW if mild else None,
        sure=Confidence.HIGH if what in _CHECKED else Confidence.MEDIUM,
    )


def _real(what: str, value: str) -> bool:
    """Whether a match is no placeholder: checksum where the form has one, else enough different characters and no telling word."""
    body = value.split("_", 1)[-1] if "_" in value[:5] else value
    if _EXAMPLE.search(value) or len(set(body)) < 10:
        return False
    check = _CHECKED.get(what)
    return check(value) if check else True


_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _crc62(value: str) -> bool:
    """GitHub's and npm's checksum: the last six characters are the CRC-32 of those before, in base 62."""
    prefix, _, body = value.partition("_")
    if prefix == "github":
        return True
    number, out = zlib.crc32(body[:-6].encode()), ""
    while number:
        number, rest = divmod(number, 62)
        out = _DIGITS[rest] + out
    return out.rjust(6, "0") == body[-6:]


def _jwt(value: str) -> bool:
    """A header that is JSON with an algorithm other than none."""
    head = value.split(".")[0]
    try:
        raw = binascii.a2b_base64(head.replace("-", "+").replace("_", "/") + "=" * (-len(head) % 4))
    except binascii.Error:
        return False
    return b'"alg"' in raw and b'"none"' not in raw


_CHECKED: Final[dict[str, Callable[[str], bool]]] = {"GitHub token": _crc62, "npm token": _crc62, "JSON web token": _jwt}
