"""Bytes to words: encodings, pages, pointers, and what does not change the digest."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsbom.licenses.text import LIMIT, Gap, LicenseText, prepare

BODY = "You may use the model for research only. You must not sell it, and you shall keep this notice in every copy."


def words(data: bytes) -> tuple[str, ...]:
    prepared = prepare(data)
    assert isinstance(prepared, LicenseText)
    return prepared.words


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"\x7fELF\x02\x01\x01" + bytes(200), "binary"),
        (b"\x80\x04\x95" + bytes(range(256)) * 8, "binary"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "pointer"),
        (b"%PDF-1.7\n...", "PDF"),
        (b"<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>gone</body></html>", "web page"),
    ],
)
def test_what_is_no_text_has_its_reason(data: bytes, reason: str) -> None:
    prepared = prepare(data)
    assert isinstance(prepared, Gap)
    assert reason in prepared.reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_do_not_change_the_words(encoding: str) -> None:
    assert words(BODY.encode(encoding)) == words(BODY.encode())


def test_east_asian_code_pages_are_read() -> None:
    text = "이 모델은 연구 목적으로만 사용할 수 있으며 상업적 이용은 금지됩니다. " * 5
    assert words(text.encode("cp949")) == words(text.encode())
    chinese = "本模型仅限用于研究目的,不得用于任何商业用途。" * 5
    assert words(chinese.encode("gb18030")) == words(chinese.encode())


def test_a_saved_page_and_comment_marks_read_as_the_text() -> None:
    page = f"<!doctype html><html><head><style>p {{}}</style></head><body><p>{BODY.replace('.', '.</p><p>')}</p></body></html>"
    assert words(page.encode()) == words(BODY.encode())
    commented = "\n".join(f" * {line}" for line in textwrap.wrap(BODY, 30))
    assert words(f"/*\n{commented}\n */".encode()) == words(BODY.encode())
    assert words(f"models/llama4/LICENSE\n{BODY}".encode()) == words(BODY.encode())


def test_copyright_lines_bullets_and_addresses_are_slots() -> None:
    text = f"Copyright (c) 2024 Someone Else\nAll rights reserved.\n  1. {BODY} See https://example.org/x\n"
    assert words(text.encode()) == (*words(BODY.encode()), "see")


@given(st.integers(12, 90), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "> ", "# ", "// ", "   "]))
def test_wrapping_and_prefixes_do_not_change_the_digest(width: int, end: str, prefix: str) -> None:
    text = end.join(prefix + line for line in textwrap.wrap(BODY, width, break_on_hyphens=False))
    assert words(text.encode()) == words(BODY.encode())


def test_a_long_file_is_read_at_both_ends() -> None:
    prepared = prepare(b"first words here\n" + b"x y z\n" * (LIMIT // 5) + b"last words there\n")
    assert isinstance(prepared, LicenseText)
    assert prepared.partial
    assert prepared.words[:3] == ("first", "words", "here")
    assert prepared.words[-3:] == ("last", "words", "there")


@given(st.binary(max_size=600))
def test_any_bytes_give_a_text_or_a_reason(data: bytes) -> None:
    prepared = prepare(data)
    assert prepared.reason if isinstance(prepared, Gap) else len(prepared.words) == len(prepared.at)
