"""Identity: purls, refs, and what makes two mentions one (specs of the SBOM, section 3)."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote

from mlsbom.model import Kind
from mlsbom.patterns import late

_ODD = late(r"[^A-Za-z0-9._/@+-]+")
COMMIT = late(r"[0-9a-f]{40}")
_PLAIN = late(r"[A-Za-z0-9][A-Za-z0-9._~-]*")
_DIGEST = late(r"sha256:[0-9a-f]{64}")
DATASETS = "https://huggingface.co/datasets"
SPACES = "https://huggingface.co/spaces"


def ref(kind: Kind, name: str, identity: str) -> str:
    """`<kind>:<name>:<16 hex>`; the hash is over kind and identity, so it is stable over runs and over the order of files."""
    digest = hashlib.sha256(f"{kind}\0{identity}".encode("utf-8", "surrogatepass")).hexdigest()
    slug = _ODD.sub("-", name)[:80].strip("-") or "unnamed"
    return f"{kind}:{slug}:{digest[:16]}"


def purl(kind: str, name: str, version: str | None = None, namespace: str = "", qualifiers: dict[str, str] | None = None) -> str:
    """A package URL by the rules of its type; each part is encoded once. Simple ones are spelt directly: a test holds both ways equal."""
    plain = _PLAIN.fullmatch
    if kind in ("pypi", "conda", "npm") and not qualifiers and plain(name) and (not version or plain(version)):
        where = f"{quote(namespace, safe='')}/" if namespace else ""
        if kind == "npm" or not namespace:
            # purl-spec: pypi names are lower case with hyphens; npm names are lower case; conda names are as written
            shown = name.lower().replace("_", "-") if kind == "pypi" else name.lower() if kind == "npm" else name
            return f"pkg:{kind}/{where.lower()}{shown}" + (f"@{version}" if version else "")
    from packageurl import PackageURL

    return PackageURL(type=kind, namespace=namespace or None, name=name, version=version or None, qualifiers=qualifiers or None).to_string()


def package_purl(ecosystem: str, name: str, version: str | None, source_ref: str | None = None) -> str | None:
    """The purl of a package of one of our ecosystems; None where its type has none."""
    if ecosystem in ("pypi", "conda"):
        extra = {"vcs_url": source_ref} if source_ref and source_ref.startswith("git+") and not version else None
        return purl("pypi" if ecosystem == "pypi" else "conda", name, version, qualifiers=extra)
    if ecosystem == "npm":
        scope, _, bare = name.rpartition("/")
        return purl("npm", bare, version, scope)
    if ecosystem in ("github", "github-actions"):
        owner, _, rest = name.partition("/")
        repository, _, path = rest.partition("/")
        if not repository:
            return None
        from packageurl import PackageURL

        return PackageURL(type="github", namespace=owner, name=repository, version=version, subpath=path or None).to_string()
    if ecosystem in ("deb", "apk", "rpm", "gem", "cargo", "golang", "maven", "nuget", "composer"):
        namespace, _, bare = name.rpartition("/")
        return purl(ecosystem, bare, version, namespace or ("debian" if ecosystem == "deb" else ""))
    return purl("generic", name, version)


def hub_purl(kind: Kind, name: str, version: str | None) -> str:
    """The purl of a hub repository; case is kept, only a 40-hex commit is a version."""
    commit = version.lower() if version and COMMIT.fullmatch(version.lower()) else None
    namespace, _, bare = name.rpartition("/")
    qualifiers = {"repository_url": DATASETS} if kind == Kind.DATASET else None
    return purl("huggingface", bare, commit, namespace, qualifiers)


def container_purl(name: str, version: str | None) -> str:
    """`pkg:oci` for an image pinned by digest, else `pkg:docker` with its tag."""
    bare = name.rsplit("/", 1)[-1]
    if version and _DIGEST.search(version):
        digest = _DIGEST.search(version)
        assert digest
        tag = version.split("@")[0].removeprefix(":") if "@" in version else ""
        return purl("oci", bare.lower(), digest[0], qualifiers={"repository_url": name, **({"tag": tag} if tag else {})})
    namespace = name.rpartition("/")[0]
    host = namespace.split("/")[0] if namespace else ""
    if "." in host or ":" in host:
        return purl("docker", bare, version, namespace.partition("/")[2], {"repository_url": host})
    return purl("docker", bare, version, namespace)


def generic_purl(name: str, version: str | None, sha256: str | None) -> str:
    """For what has no hub and no registry: name, version, and the digest of its bytes. A name of slashes alone is `unnamed`."""
    parts = [p for p in name.split("/") if p.strip()] or ["unnamed"]
    return purl("generic", parts[-1], version, "/".join(parts[:-1]), {"checksum": f"sha256:{sha256}"} if sha256 else None)


def canonical(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def host_of(url: str) -> str:
    """The host of a URL in lower case, without user and port; "" where there is none."""
    match = re.match(r"[a-z][a-z0-9+.-]*://(?:[^/@\s]*@)?(\[[^\]]+\]|[^/:?#\s]+)", url, re.I)
    return match[1].lower() if match else ""
