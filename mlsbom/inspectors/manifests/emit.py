"""What the inspectors of manifests share: facts made from requirements, indexes and images, with no credential in any of them.

Confidences are those of the SBOM's specification, section 5: a lock 0.95, a pin 0.9, a range 0.7.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from mlsbom.inspectors import Yield
from mlsbom.model import Dependency, Evidence, Finding, Kind, Reference, Role, Rule, Scope, Severity, Shortfall, Status
from mlsbom.packages import names
from mlsbom.packages.requirement import InvalidRequirement, Requirement, parse
from mlsbom.packages.specifiers import InvalidSpecifier, exact
from mlsbom.patterns import late

LOCKED: Final = 0.95
PINNED: Final = 0.9
RANGED: Final = 0.7

CREDENTIALS = Rule(
    id="PACKAGE-CREDENTIALS", title="A manifest holds the credentials of a package index or repository", severity=Severity.MEDIUM
)
INSECURE = Rule(id="PACKAGE-INDEX-INSECURE", title="Packages are fetched in a way that lets others replace them", severity=Severity.MEDIUM)
NON_ASCII = Rule(id="PACKAGE-NON-ASCII-NAME", title="The name of a package holds letters that no registry allows", severity=Severity.HIGH)
RULES: Final = (CREDENTIALS, INSECURE, NON_ASCII)

_USERINFO = late(r"(?<=//)([^/@\s]+)@")
_PLAIN_USERS = frozenset({"git", "hg", "svn", "anonymous"})
_VCS = late(r"(?:git|hg|svn|bzr)\+|git://|git@|ssh://git@|github:|gitlab:|bitbucket:")
_ARCHIVE = late(r"\.(?:whl|zip|tar\.(?:gz|bz2|xz|zst)|tgz|tbz|egg)(?:[?#]|$)", re.IGNORECASE)
_WHEEL = late(r"([A-Za-z0-9](?:[\w.]*[A-Za-z0-9])?)-(\d[^-]*)(?:-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl$")
_SDIST = late(r"([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)-(\d[^-]*)\.(?:zip|tar\.(?:gz|bz2|xz)|tgz|egg)$")
_URL_HASH = late(r"#(?:.*&)?(sha256|sha384|sha512|md5|sha1)=([0-9a-fA-F]{32,128})")
_WORDS = late(r"(?:[^\W\d_]|\d)[\w.-]*\s*(?:\[[\w,.\s-]*\])?\s*(?:[<>=!~].*)?")
PUBLIC_HOSTS: Final = frozenset({("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("yarnpkg", "com")})


class Cursor:
    """Finds the lines of values in document order: each search goes on where the last one ended, and wraps once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._ends: list[int] | None = None

    def line_at(self, offset: int) -> int:
        """The line of an offset."""
        if self._ends is None:
            self._ends = [m.start() for m in re.finditer("\n", self.text)]
        return bisect.bisect_left(self._ends, offset) + 1

    def start_of(self, line: int) -> int:
        """The offset at which a line starts."""
        self.line_at(0)
        assert self._ends is not None
        return 0 if line <= 1 else self._ends[min(line - 2, len(self._ends) - 1)] + 1 if self._ends else 0

    def find(self, *needles: str) -> int | None:
        """The line of the first needle that occurs; None where none does."""
        for needle in needles:
            at = self.text.find(needle, self.at)
            if at < 0:
                at = self.text.find(needle, 0, self.at)
            if at >= 0:
                self.at = at + len(needle)
                return self.line_at(at)
        return None

    def quoted(self, value: str) -> int | None:
        """The line of a quoted string."""
        return self.find(f'"{value}"', f"'{value}'")


def without_credentials(url: str) -> tuple[str, bool]:
    """A URL without its user information, and whether that was a credential (not a variable, not `git@`)."""
    m = _USERINFO.search(url)
    if m is None or m[1] in _PLAIN_USERS:
        return url, False
    secret = not re.fullmatch(r"[^:]*:?\$\{?\w+\}?|\$\{?\w+\}?(?::.*)?|[^:]*:?(?:\$\{\{.*\}\}|%[A-Z_]+%)", m[1])
    return url[: m.start(1)] + url[m.end() :], secret


def place(line: int | None, confidence: float, key: str | None = None) -> Evidence:
    """Evidence of a manifest."""
    return Evidence(line=line, key=key, confidence=confidence)


def trouble(reason: str, line: int | None = None, status: Status = Status.PARTIAL) -> Shortfall:
    """A Shortfall of one line."""
    return Shortfall(status=status, reason=f"line {line}: {reason}" if line else reason, evidence=Evidence(line=line))


def credentials(url: str, line: int | None, key: str | None = None) -> Iterator[Finding]:
    """The finding for a URL with a password or token in it; the message holds the host alone."""
    if without_credentials(url)[1]:
        host = host_of(_bare(url)) or "a host"
        yield CREDENTIALS.finding(f"credentials for {host} stand in a manifest", evidence=place(line, PINNED, key), subject=host)


def _bare(url: str) -> str:
    return re.sub(r"^(?:git|hg|svn|bzr)\+", "", url)


def index(
    url: str, line: int | None, *, option: str, extra: bool = False, key: str | None = None, attrs: tuple[tuple[str, str], ...] = ()
) -> Iterator[Yield]:
    """The reference to a package index, with a finding where its URL holds credentials. `extra`: asked beside another index. The public
    default indexes of pip, npm and yarn give no reference: that packages come from there needs no saying."""
    yield from credentials(url, line, key)
    shown = without_credentials(url.strip())[0]
    host = host_of(shown)
    more = (("option", option), *((("extra", "true"),) if extra else ()), *attrs)
    if shown.startswith("http:") and host not in ("localhost", "127.0.0.1", "::1"):
        yield INSECURE.finding(f"the index {host} is asked without encryption", evidence=place(line, PINNED, key), subject=host)
    if host and not public(host):  # a folder of files is no service
        yield Reference(kind=Kind.SERVICE, name=host, role=Role.INDEX, url=shown, attrs=more, evidence=place(line, PINNED, key))


def host_of(url: str) -> str:
    """The host of a URL in lower case, "" for what has none or is malformed."""
    try:
        return (urlsplit(url).hostname or "").lower() if "//" in url else ""
    except ValueError:
        return ""


def untrusted(host: str, line: int | None, option: str, key: str | None = None) -> Iterator[Finding]:
    """The finding for an option that switches the check of a host's certificate off."""
    yield INSECURE.finding(f"{option} switches the check of the certificate of {host} off", evidence=place(line, PINNED, key), subject=host)


def public(host: str) -> bool:
    """Whether a host is the public default index of pip, npm or yarn."""
    return tuple(host.lower().split(".")[-2:]) in PUBLIC_HOSTS


def dependency(
    eco: str,
    name: str,
    specifier: str,
    *,
    line: int | None,
    parser: str,
    scope: Scope = Scope.RUNTIME,
    resolved: str | None = None,
    locked: bool = False,
    hashes: tuple[str, ...] = (),
    extras: tuple[str, ...] = (),
    marker: str | None = None,
    via: str | None = None,
    registry: str | None = None,
    key: str | None = None,
    source: str = "index",
    ref: str | None = None,
    project: bool = False,
    installed: bool = False,
) -> Dependency:
    """A dependency by name and specifier, with the exact version that the specifier means and the confidence that follows."""
    if resolved is None and source == "index" and specifier:
        try:
            resolved = exact(specifier, eco)
        except InvalidSpecifier:
            resolved = None
    sure = LOCKED if locked or installed else PINNED if resolved is not None else RANGED
    return Dependency(
        ecosystem=eco,
        name=names.normalise(name, eco),
        written=name,
        specifier=specifier,
        resolved=resolved,
        hashes=hashes,
        source=source,
        ref=without_credentials(ref)[0] if ref else None,
        index=without_credentials(registry)[0] if registry else None,
        extras=extras,
        marker=marker,
        scope=scope,
        parser=parser,
        locked=locked,
        installed=installed,
        project=project,
        via=via,
        evidence=place(line, sure, key),
    )


def python(
    text: str,
    *,
    line: int | None,
    parser: str,
    scope: Scope = Scope.RUNTIME,
    hashes: tuple[str, ...] = (),
    via: str | None = None,
    editable: bool = False,
    key: str | None = None,
) -> Iterator[Yield]:
    """The dependency that one Python requirement means (PEP 508, or pip's paths and URLs), or the Shortfall that it cannot be read."""
    text = text.strip()
    try:
        if editable or looks_direct(text):
            yield from direct(text, line=line, parser=parser, scope=scope, hashes=hashes, editable=editable, key=key)
            return
        wanted = parse(text)
    except InvalidRequirement as e:
        yield from _refused(text, str(e), line, parser, scope, key)
        return
    yield from from_requirement(wanted, line=line, parser=parser, scope=scope, hashes=hashes, via=via, key=key)


def from_requirement(
    wanted: Requirement,
    *,
    line: int | None,
    parser: str,
    scope: Scope = Scope.RUNTIME,
    hashes: tuple[str, ...] = (),
    via: str | None = None,
    key: str | None = None,
) -> Iterator[Yield]:
    """The dependency that a parsed requirement means."""
    if wanted.url is None:
        yield dependency(
            "pypi",
            wanted.name,
            wanted.specifier,
            line=line,
            parser=parser,
            scope=scope,
            hashes=hashes,
            extras=wanted.extras,
            marker=wanted.marker,
            via=via,
            key=key,
        )
        return
    yield from credentials(wanted.url, line, key)
    source = source_of(wanted.url)
    _, version = from_file_name(wanted.url)
    found = hashes or url_hashes(wanted.url)
    shown = without_credentials(wanted.url)[0]
    yield dependency(
        "pypi",
        wanted.name,
        shown,
        line=line,
        parser=parser,
        scope=scope,
        hashes=found,
        extras=wanted.extras,
        marker=wanted.marker,
        via=via,
        key=key,
        source=source,
        ref=wanted.url,
        resolved=version if source in ("url", "path") else None,
    )


def _refused(text: str, why: str, line: int | None, parser: str, scope: Scope, key: str | None) -> Iterator[Yield]:
    """What cannot be parsed; a name with foreign letters is taken as it stands, with a finding: it is written to be taken for another."""
    word = re.match(r"[\w.-]+", text)
    if word is not None and not word[0].isascii() and _WORDS.fullmatch(text) and any(c.isascii() and c.isalpha() for c in word[0]):
        odd = " ".join(sorted({f"U+{ord(c):04X}" for c in word[0] if not c.isascii()}))
        where = place(line, RANGED, key)
        yield NON_ASCII.finding(
            f"the name {word[0][:80]} holds {odd}: no registry of Python packages allows it", evidence=where, subject=word[0][:80]
        )
        try:
            rest = parse("x" + text[word.end() :])
        except InvalidRequirement:
            rest = Requirement("x")
        yield dependency(
            "pypi", word[0], rest.specifier, line=line, parser=parser, scope=scope, extras=rest.extras, marker=rest.marker, key=key
        )
        return
    yield trouble(f"no requirement: {text[:80]!r} ({why})", line)


def looks_direct(text: str) -> bool:
    """Whether pip would take this as a path or URL and not as a name."""
    head = text.split(" ", 1)[0]
    return "@ " not in text and (
        bool(_VCS.match(head))
        or "://" in head
        or head.startswith((".", "/", "~", "file:"))
        or (bool(_ARCHIVE.search(head)) and "@" not in head)
        or _is_path(head)
    )


def _is_path(head: str) -> bool:
    return bool(re.match(r"[\w.-]+[/\\]", head)) and not re.search(r"[<>=!~;]", head.split("/", 1)[0])


def source_of(ref: str) -> str:
    """vcs, url or path."""
    if _VCS.match(ref) or (re.match(r"(?:https?|ssh)://", ref) and re.search(r"\.git(?:[@#/]|$)", ref)):
        return "vcs"
    return "url" if "://" in ref and not ref.startswith("file:") else "path"


def from_file_name(ref: str) -> tuple[str | None, str | None]:
    """Name and version that the file name of a wheel or source archive states."""
    base = unquote(re.split(r"[?#]", ref, maxsplit=1)[0]).replace("\\", "/").rsplit("/", 1)[-1]
    m = _WHEEL.search(base) or _SDIST.search(base)
    return (m[1], m[2]) if m else (None, None)


def url_hashes(ref: str) -> tuple[str, ...]:
    """The hash in the fragment of a URL."""
    m = _URL_HASH.search(ref)
    return (f"{m[1]}:{m[2].lower()}",) if m else ()


def direct(
    text: str,
    *,
    line: int | None,
    parser: str,
    scope: Scope = Scope.RUNTIME,
    hashes: tuple[str, ...] = (),
    editable: bool = False,
    key: str | None = None,
) -> Iterator[Yield]:
    """The dependency that a bare path or URL means, named by its `#egg=`, its file name, or its last part. The project's own folder (`.`)
    is no dependency: its manifest is read where it lies."""
    ref, _, marker = text.partition(" ; ") if " ; " in text else text.partition("; ")
    ref = ref.strip()
    if named := re.match(r"([\w.-]+)\s*(?:\[[^\]]*\])?\s*@\s*(\S+)", ref):
        name, ref = named[1], named[2]
    else:
        name = ""
    if re.fullmatch(r"\.{1,2}[/\\]?(?:\[[^\]]*\])?|\$\{?PWD\}?/?", ref):
        return
    yield from credentials(ref, line, key)
    source = source_of(ref)
    egg = re.search(r"[#&]egg=([\w.-]+)", ref)
    file_name, version = from_file_name(ref)
    bare = re.sub(r"\[[^\]]*\]$", "", re.split(r"[?#]", ref, maxsplit=1)[0]).replace("\\", "/").rstrip("/")
    path = re.sub(r"@[^/@]*$", "", bare) if source == "vcs" else bare
    last = re.sub(r"\.git$|\.(?:zip|tar\.\w+|tgz|whl)$", "", path.rsplit("/", 1)[-1].rsplit(":", 1)[-1])
    name = name or (egg[1] if egg else "") or file_name or last
    if not names.valid(name, "pypi"):
        yield trouble(f"a package without a name: {without_credentials(ref)[0][:120]!r}", line)
        return
    yield dependency(
        "pypi",
        name,
        without_credentials(ref)[0],
        line=line,
        parser=parser,
        scope=scope,
        hashes=hashes or url_hashes(ref),
        marker=marker.strip() or None,
        key=key,
        source="editable" if editable else source,
        ref=ref,
        resolved=version if source != "vcs" else None,
    )


def image(
    written: str, line: int | None, *, attrs: tuple[tuple[str, str], ...] = (), key: str | None = None, sure: float = PINNED
) -> Iterator[Reference]:
    """The reference to a container image: name without tag; the digest, else the tag, as version. Unresolved variables give none."""
    text = written.strip().removeprefix("docker://").removeprefix("docker.io/library/").removeprefix("docker.io/")
    name, _, digest = text.partition("@")
    tail = name.rsplit("/", 1)[-1]
    tag = tail.partition(":")[2]
    name = name[: len(name) - len(tag) - 1] if ":" in tail else name
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*(?::\d+)?(?:/[\w.-]+)*", name) or name == "scratch":
        return
    if digest and tag:
        attrs = (*attrs, ("tag", tag))
    version = digest or tag or None
    if version and not re.fullmatch(r"[\w.:+-]+", version):
        version = None
    yield Reference(
        kind=Kind.CONTAINER, name=name, role=Role.RUNS_IN, version=version, hub="docker", attrs=attrs, evidence=place(line, sure, key)
    )
