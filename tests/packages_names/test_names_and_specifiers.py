# ruff: noqa: E501  (samples stay on one line)
"""Names, versions and specifiers: known cases, and the short ways held against packaging and univers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement as PackagingInvalid
from packaging.requirements import Requirement as PackagingRequirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlsbom.packages import names, semver
from mlsbom.packages.requirement import InvalidRequirement, parse
from mlsbom.packages.specifiers import Form, InvalidSpecifier, admits, classify, commit, exact, same

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("name", "eco", "wanted"),
    [("Foo_Bar.baz", "pypi", "foo-bar-baz"), ("foo--._bar", "pypi", "foo-bar"), ("@Scope/Name", "npm", "@Scope/Name"), ("PyTorch", "conda", "pytorch"),
     ("github.com/!azure/x", "golang", "github.com/Azure/x"), ("Actions/Checkout", "github-actions", "actions/checkout")],
)  # fmt: skip
def test_normal_names(name: str, eco: str, wanted: str) -> None:
    assert names.normalise(name, eco) == wanted
    assert names.normalise(wanted, eco) == wanted


@pytest.mark.parametrize(
    ("name", "eco", "good"),
    [("a", "pypi", True), ("-a", "pypi", False), ("a-", "pypi", False), ("a b", "pypi", False), ("tr\u0430nsformers", "pypi", False), ("", "pypi", False), ("a" * 300, "pypi", False),
     ("@s/n", "npm", True), ("@s", "npm", False), ("@s/", "npm", False), (".a", "npm", False), ("JSONStream", "npm", True), ("lib/x", "npm", False),
     ("libc6", "deb", True), ("a/b", "github-actions", True), ("a/b c", "github-actions", False)],
)  # fmt: skip
def test_valid_names(name: str, eco: str, good: bool) -> None:
    assert names.valid(name, eco) is good


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True))
def test_pypi_names_as_packaging(name: str) -> None:
    assert names.pypi(name) == canonicalize_name(name)
    assert names.valid(name, "pypi")


@pytest.mark.parametrize(
    ("specifier", "eco", "wanted"),
    [("==1.0", "pypi", "1.0"), ("===foo", "pypi", "foo"), ("==1.*", "pypi", None), ("~=1.2", "pypi", None), (">=1,<2", "pypi", None), ("", "pypi", None), ("*", "pypi", None),
     ("1.2.3", "pypi", "1.2.3"), ("^1.2", "pypi", None), (">=1,==1.5", "pypi", "1.5"), ("(==1.0)", "pypi", "1.0"),
     ("1.2.3", "npm", "1.2.3"), ("=1.2.3", "npm", "1.2.3"), ("==1.2.3", "npm", "1.2.3"), ("v1.2.3", "npm", "1.2.3"), ("^1.2.3", "npm", None), ("^0.0.3", "npm", "0.0.3"),
     ("1.2", "npm", None), ("latest", "npm", None),
     ("=1.26", "conda", None), ("==1.26", "conda", "1.26"), ("1.26", "conda", "1.26"), ("=1.26=py_0", "conda", "1.26"), ("1.26.*", "conda", None),
     ("=1.2-1", "deb", "1.2-1")],
)  # fmt: skip
def test_exact(specifier: str, eco: str, wanted: str | None) -> None:
    assert exact(specifier, eco) == wanted


@pytest.mark.parametrize(
    ("specifier", "eco", "inside", "outside"),
    [("==2.4.1", "pypi", ["2.4.1", "2.4.1.0", "v2.4.1", "2.4.1+cpu"], ["2.4.2", "2.4.1rc1", "2.4.1.post1"]),
     ("==2.4.1+cpu", "pypi", ["2.4.1+cpu"], ["2.4.1"]), ("==1.0.*", "pypi", ["1.0", "1.0.9", "1"], ["1.1"]), ("~=1.4", "pypi", ["1.4", "1.9"], ["2.0", "1.3"]),
     (">=1,<2", "pypi", ["1.0", "1.5rc1"], ["2.0", "0.9"]), ("!=1.5", "pypi", ["1.4", "odd-version"], ["1.5"]), ("^1.2", "pypi", ["1.9"], ["2.0", "1.1"]),
     ("^0.2.3", "pypi", ["0.2.9"], ["0.3"]), ("~1.2", "pypi", ["1.2.9"], ["1.3"]), (">=1 || <0.5", "pypi", ["0.4", "2"], ["0.6"]), ("1!1.0", "pypi", ["1!1.0"], ["1.0"]),
     (">=1.0.*", "pypi", ["1.0", "3"], ["0.9"]), ("===foo", "pypi", ["foo", "FOO"], ["1.0"]),
     ("^1.2.3", "npm", ["1.2.3", "1.9.0"], ["2.0.0", "1.3.0-beta.1", "1.2.2"]), ("~1.2", "npm", ["1.2.9"], ["1.3.0"]), ("^0.2.3", "npm", ["0.2.9"], ["0.3.0"]),
     ("1.x || >=2.5.0 || 5.0.0 - 7.2.3", "npm", ["1.9.9", "2.6.0", "7.2.4"], ["2.4.0"]), ("1.2", "npm", ["1.2.9"], ["1.3.0"]), ("", "npm", ["1.0.0"], []),
     ("latest", "npm", ["9.9.9"], []), ("1.2.3 - 2.3", "npm", ["2.3.9"], ["2.4.0"]), ("^1.2.3-beta.2", "npm", ["1.2.3-beta.4"], ["1.2.4-beta.1"]), ("^0.x", "npm", ["0.9.0"], ["1.0.0"]),
     (">1", "npm", ["2.0.0"], ["1.9.0"]), ("<=1", "npm", ["1.9.0"], ["2.0.0"]), ("> 1.2.3 < 2", "npm", ["1.5.0"], ["2.0.0", "1.2.3"]), ("1.2.3+b", "npm", ["1.2.3"], ["1.2.4"]),
     ("=1.26", "conda", ["1.26", "1.26.4"], ["1.2", "1.27"]), ("==1.26", "conda", ["1.26"], ["1.26.4"]), (">=1.2,<2|3.*", "conda", ["1.26", "3.1"], ["2.1"]),
     ("=1.26=py_0", "conda", ["1.26"], ["1.26.4"])],
)  # fmt: skip
def test_admits(specifier: str, eco: str, inside: list[str], outside: list[str]) -> None:
    assert [v for v in inside if not admits(specifier, v, eco)] == []
    assert [v for v in outside if admits(specifier, v, eco)] == []


@pytest.mark.parametrize("specifier", ["not a specifier", ">=", "==a b", "hello:world"])
def test_what_is_no_specifier_is_said(specifier: str) -> None:
    with pytest.raises(InvalidSpecifier):
        admits(specifier, "1.0", "pypi")


@pytest.mark.parametrize(
    ("arguments", "form"),
    [(("==1", "pypi"), Form.PINNED), ((">=1", "pypi"), Form.RANGE), (("", "pypi"), Form.UNPINNED), (("latest", "npm"), Form.UNPINNED), (("^1.0.0", "npm"), Form.RANGE),
     (("odd thing", "pypi"), Form.RANGE)],
)  # fmt: skip
def test_forms(arguments: tuple[str, str], form: Form) -> None:
    assert classify(*arguments) is form


def test_forms_of_sources() -> None:
    assert classify("==1", "pypi", hashes=("sha256:aa",)) is Form.HASH_PINNED
    assert classify("", "pypi", source="vcs", ref="git+https://h/x@v1") is Form.VCS
    assert classify("", "pypi", source="vcs", ref=f"git+https://h/x@{COMMIT}#egg=x") is Form.PINNED
    assert classify("", "pypi", source="url", ref="https://h/x.whl") is Form.URL
    assert classify("", "pypi", source="url", ref="https://h/x.whl#sha256=" + "a" * 64) is Form.HASH_PINNED
    assert classify("", "pypi", source="editable") is Form.EDITABLE
    assert classify("", "pypi", source="path") is Form.PATH
    assert commit(f"a/b@{COMMIT}") == COMMIT
    assert commit("a/b@v1") is None


NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(lambda n: ".".join(map(str, n)))
VERSIONS = st.one_of(NUMBERS, st.builds(lambda v, s: v + s, NUMBERS, st.sampled_from(["rc1", "a2", ".post1", ".dev3", "+cpu"])))
CLAUSES = st.builds(lambda op, v: op + v, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), NUMBERS) | st.builds(
    lambda op, a, b: f"{op}{a}.{b}{'.*' if op != '~=' else ''}", st.sampled_from(["==", "!=", "~="]), st.integers(0, 30), st.integers(0, 30)
)


@given(st.lists(CLAUSES, min_size=1, max_size=3).map(",".join), VERSIONS)
def test_admits_as_packaging(specifier: str, version: str) -> None:
    assert admits(specifier, version, "pypi") == SpecifierSet(specifier).contains(version, prereleases=True)


@given(VERSIONS, VERSIONS)
def test_same_as_packaging(one: str, other: str) -> None:
    assert same(one, other, "pypi") == (Version(one) == Version(other))


SEMVER = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)).map(lambda t: ".".join(map(str, t)))


@settings(deadline=None)  # univers takes its time to load
@given(st.sampled_from(["^", "~", ">=", ">", "<", "<=", "="]), SEMVER, SEMVER)
def test_semver_as_univers(op: str, bound: str, version: str) -> None:
    from univers.version_range import NpmVersionRange
    from univers.versions import SemverVersion

    assert semver.admits(op + bound, version) == (SemverVersion(version) in NpmVersionRange.from_native(op + bound))


MARKERS = st.sampled_from(
    ["", '; python_version >= "3.8"', "; sys_platform == 'linux' and (os_name == \"nt\" or extra == 'x')", ";bad", '; python_version >= "3']
)
REQUIREMENTS = st.builds(
    "".join,
    st.tuples(
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True),
        st.sampled_from(["", "[a]", "[a, b-c]", " [x]", "[", "[]"]),
        st.sampled_from(["", " "]),
        st.sampled_from(
            [
                "",
                "==1.0",
                ">= 1.0, <2",
                "(>=1)",
                "===x",
                "~=1.2",
                "~=1",
                "==1.*",
                ">=1.*",
                "!=1.0.*",
                "==1.0rc1",
                "==1.0+cpu",
                ">1+x",
                "@ https://h/x",
                "==",
                "=1",
                "(==1",
                "<2,",
            ]
        ),
        MARKERS,
    ),
)


@given(REQUIREMENTS)
def test_requirements_as_packaging(text: str) -> None:
    """What packaging takes is read alike; what it refuses is refused, but for `>=1.*`, which older metadata hold, and a marker right
    behind a URL, where nothing else can be meant."""
    try:
        wanted = PackagingRequirement(text)
    except PackagingInvalid:
        if ">=1.*" not in text and "@ https://h/x;" not in text:
            with pytest.raises(InvalidRequirement):
                parse(text)
        return
    found = parse(text)
    assert (found.name, set(found.extras), found.url) == (wanted.name, wanted.extras, wanted.url)
    assert SpecifierSet(found.specifier) == wanted.specifier
    assert (found.marker is None) == (wanted.marker is None)


@given(st.text(max_size=60))
def test_any_text_is_a_requirement_or_refused(text: str) -> None:
    try:
        parse(text)
    except InvalidRequirement:
        pass


@given(st.text(max_size=40), st.text(max_size=20), st.sampled_from(["pypi", "npm", "conda", "deb", "golang"]))
def test_any_text_is_a_specifier_or_refused(specifier: str, version: str, eco: str) -> None:
    try:
        admits(specifier, version, eco)
        exact(specifier, eco)
    except InvalidSpecifier:
        pass
    classify(specifier, eco)
