"""Changing the packs: OSV records in, signed packs in and out, nothing half done."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mlsbom.cli.signatures import command
from mlsbom.errors import PackError, UsageError
from mlsbom.knowledge import Packs, default_root, signing, updates
from mlsbom.knowledge.index import build
from mlsbom.packages.merge import import_records
from mlsbom.packages.verdict import Judge

DATE = "2026-11-20"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small set of packs."""
    root = tmp_path / "shipped"
    (root / "malicious").mkdir(parents=True)
    for name in ("names", "waves"):
        shutil.copytree(Packs().root / name, root / name)
    about = 'date = "2026-08-21"\nlicense = "MIT"\nsource = ["x"]\ndescription = "y"\n'
    (root / "malicious" / "pack.toml").write_text(about)
    (root / "malicious" / "pypi.tsv").write_text("evil\tMAL-1\t2026-01-01\t*\thades\nolder-stuff\tMAL-2\t\t1.0 1.1\t\n")
    (root / "malicious" / "npm.tsv").write_text("bad\tMAL-3\t\t*\t\n")
    (root / "index.toml").write_text(build(root))
    return root


def record(id_: str, name: str, eco: str = "PyPI", **affected: Any) -> dict[str, Any]:
    return {"id": id_, "published": "2026-11-01T00:00:00Z", "affected": [{"package": {"ecosystem": eco, "name": name}, **affected}]}


WHOLE: dict[str, Any] = {"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}
RECORDS = [
    record("MAL-9", "New_Evil", **WHOLE),
    record("MAL-8", "half-bad", versions=["2.0", "2.1"], **WHOLE),
    record("MAL-7", "between", ranges=[{"type": "SEMVER", "events": [{"introduced": "1.0"}, {"fixed": "1.5"}]}]),
    record("MAL-2", "older-stuff", versions=["1.0"]) | {"withdrawn": "2026-10-01T00:00:00Z"},
    record("MAL-3", "bad", "npm", versions=["3.0.0"]),
    record("GHSA-x", "numpy", ranges=[{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.0"}]}]),
]


def as_export(shape: str, folder: Path) -> Path:
    if shape == "array":
        (folder / "all.json").write_text(json.dumps(RECORDS))
        return folder / "all.json"
    if shape == "lines":
        (folder / "all.jsonl").write_text("\n".join(map(json.dumps, RECORDS)))
        return folder / "all.jsonl"
    if shape == "zip":
        with zipfile.ZipFile(folder / "all.zip", "w") as z:
            for r in RECORDS:
                z.writestr(f"{r['id']}.json", json.dumps(r))
        return folder / "all.zip"
    for r in RECORDS:
        path = folder / "osv" / "malicious" / r["id"] / "r.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(r))
    return folder / "osv"


@pytest.mark.parametrize("shape", ["array", "lines", "zip", "folder"])
def test_records_are_merged_whatever_their_wrapping(root: Path, tmp_path: Path, shape: str) -> None:
    into = tmp_path / "mine"
    counts = import_records(as_export(shape, tmp_path), Packs(root), into, date=DATE)
    assert (counts.added, counts.changed, counts.removed, counts.vulnerabilities, counts.problems) == (3, 1, 1, 1, [])
    assert updates.problems(into) == []
    judge = Judge(Packs(into), without=["snapshot"], now=DATE)
    for name, eco, specifier, verdict in [
        ("new.evil", "pypi", "", "malicious"),
        ("half-bad", "pypi", "==2.0", "affected"),
        ("half-bad", "pypi", "==1.9", "ok"),
        ("between", "pypi", "==1.4", "affected"),
        ("between", "pypi", "==1.5", "ok"),
        ("older-stuff", "pypi", "==1.0", "ok"),
        ("bad", "npm", "3.0.0", "affected"),
        ("evil", "pypi", "", "malicious"),
    ]:
        assert judge.judge(name, eco, specifier).verdict == verdict, name
    assert updates.read_index(into)["serial"] == updates.read_index(root)["serial"] + 1


def test_importing_twice_changes_nothing_more(root: Path, tmp_path: Path) -> None:
    into = tmp_path / "mine"
    source = as_export("array", tmp_path)
    import_records(source, Packs(root), into, date=DATE)
    first = (into / "malicious" / "pypi.tsv").read_bytes()
    again = import_records(source, Packs(into), into, date=DATE)
    assert (again.added, again.changed, again.removed) == (0, 0, 0)
    assert (into / "malicious" / "pypi.tsv").read_bytes() == first


def test_much_used_names_are_not_condemned_in_numbers(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "all.json"
    source.write_text(
        json.dumps(
            [record(f"MAL-{n}", name, **WHOLE) for n, name in enumerate(["numpy", "pandas", "torch", "requests", "flask", "scipy"], 50)]
        )
    )
    with pytest.raises(UsageError, match="would condemn 6"):
        import_records(source, Packs(root), tmp_path / "mine", date=DATE)
    assert not (tmp_path / "mine").exists()
    assert len(import_records(source, Packs(root), tmp_path / "mine", date=DATE, force=True).condemned) == 6
    assert Judge(Packs(tmp_path / "mine"), without=["snapshot"]).judge("numpy", "pypi").verdict == "possibly-affected"


def test_odd_records_are_named_and_the_rest_counts(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "all.json"
    source.write_text(
        json.dumps(
            [
                1,
                {"id": 3},
                {"id": "MAL-5", "affected": [None, {"package": 1}, {"package": {"name": "a b", "ecosystem": "PyPI"}}]},
                RECORDS[0],
            ]
        )
    )
    counts = import_records(source, Packs(root), tmp_path / "mine", date=DATE)
    assert counts.added == 1
    assert len(counts.problems) == 2


def test_indicators_join_waves(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "marks.csv"
    source.write_text("wave,type,indicator\nhades,domain,new.evil.example\nFresh Wave,ip,203.0.113.9\n")
    counts = import_records(source, Packs(root), tmp_path / "mine", date=DATE)
    assert counts.indicators == 2
    from mlsbom.packages import waves
    from mlsbom.packages.indicators import Known

    known = Known(waves.load(Packs(tmp_path / "mine")))
    assert known.host("x.new.evil.example") is not None
    assert waves.find(Packs(tmp_path / "mine"), "fresh-wave").indicators == (("address", "203.0.113.9"),)


# --- signed packs --------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def files(key: Ed25519PrivateKey, folder: Path) -> tuple[Path, Path]:
    secret, public = folder / "key.pem", folder / "key.pub"
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return secret, public


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(command, [str(a) for a in args])


def test_packs_travel_signed(root: Path, tmp_path: Path, key: Ed25519PrivateKey) -> None:
    secret, public = files(key, tmp_path)
    out, into = tmp_path / "packs.zip", tmp_path / "there"
    assert run("export", out, "--signatures", root, "--key", secret).exit_code == 0
    first = out.read_bytes()
    run("export", out, "--signatures", root, "--key", secret)
    assert out.read_bytes() == first
    assert run("import", out, "--into", into, "--trust", public, "--signatures", root).exit_code == 0
    assert run("verify", "--signatures", into, "--trust", public, "--signed").exit_code == 0
    assert signing.fingerprint(key.public_key()) in run("status", "--signatures", into, "--trust", public).stdout


@pytest.mark.parametrize("how", ["unsigned", "stranger", "index", "pack", "older", "way-out"])
def test_packs_that_are_not_right_change_nothing(root: Path, tmp_path: Path, key: Ed25519PrivateKey, how: str) -> None:
    _, public = files(key, tmp_path)
    into = tmp_path / "there"
    shutil.copytree(root, into)
    other = tmp_path / "new"
    shutil.copytree(root, other)
    (other / "index.toml").write_text(build(other, serial=1 if how == "older" else None))
    if how != "unsigned":
        signing.sign(other, Ed25519PrivateKey.from_private_bytes(b"s" * 32) if how == "stranger" else key)
    if how == "index":
        (other / "index.toml").write_text((other / "index.toml").read_text().replace("serial = ", "serial = 9"))
    if how == "pack":
        (other / "malicious" / "pypi.tsv").write_text("")
    source = tmp_path / "new.zip"
    with zipfile.ZipFile(source, "w") as z:
        for path in sorted(p for p in other.rglob("*") if p.is_file()):
            z.write(path, path.relative_to(other).as_posix())
        if how == "way-out":
            z.writestr("../escaped", "x")
    before = {p: p.read_bytes() for p in into.rglob("*") if p.is_file()}
    with pytest.raises(PackError):
        updates.take(source, into, signing.trusted([public]), current=into)
    assert {p: p.read_bytes() for p in into.rglob("*") if p.is_file()} == before
    assert not (tmp_path / "escaped").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".there")] == []


def test_a_new_key_is_taken_up_under_the_old_one(root: Path, key: Ed25519PrivateKey) -> None:
    new = Ed25519PrivateKey.from_private_bytes(b"n" * 32)
    signing.sign(root, new)
    with pytest.raises(PackError):
        signing.signer(root, [key.public_key()])
    (root / signing.ROTATION).write_text(signing.rotation(key, new.public_key()) + "\n")
    assert signing.signer(root, [key.public_key()]) == signing.fingerprint(new.public_key())
    forged = json.loads(signing.rotation(new, new.public_key())) | {"old": signing.fingerprint(key.public_key())}
    (root / signing.ROTATION).write_text(json.dumps(forged))
    with pytest.raises(PackError):
        signing.signer(root, [key.public_key()])


def test_verify_finds_what_was_changed_and_added(root: Path) -> None:
    assert updates.problems(root) == []
    (root / "malicious" / "pypi.tsv").write_text("x")
    (root / "malicious" / "more.tsv").write_text("x")
    (root / "names" / "hub.toml").unlink()
    assert {p.file: p.why.split()[0] for p in updates.problems(root)} == {
        "malicious/pypi.tsv": "its",
        "malicious/more.tsv": "not",
        "names/hub.toml": "missing",
    }
    assert run("verify", "--signatures", root).exit_code == 1


def test_the_users_packs_come_first_while_they_are_newer(root: Path) -> None:
    mine = updates.default_destination()
    shutil.copytree(root, mine)
    assert default_root() != mine
    (mine / "index.toml").write_text(build(mine, serial=9999999999))
    assert default_root() == mine


def test_an_address_needs_the_network() -> None:
    assert isinstance(run("update", "https://packs.example/p.zip").exception, UsageError)
    assert isinstance(run("update", "http://packs.example/p.zip", "--online").exception, UsageError)
