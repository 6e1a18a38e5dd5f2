"""What follows from manifests and code together: undeclared imports, confusion, loosening, locks against manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlsbom.knowledge import Packs
from mlsbom.model import Assessment, Dependency, Scope
from mlsbom.packages.imports import load
from mlsbom.resolve.imports import Modules
from mlsbom.scan import Settings, scan


def scanned(folder: Path, files: dict[str, str], settings: Settings) -> Assessment:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return scan(str(folder), settings)


def undeclared(made: Assessment) -> dict[str, tuple[Scope, str, int | None]]:
    return {o.fact.name: (o.fact.scope, o.place.path, o.fact.evidence.line) for o in made.derived if isinstance(o.fact, Dependency)}


def test_undeclared_imports(tmp_path: Path, settings: Settings) -> None:
    made = scanned(
        tmp_path / "t",
        {
            "requirements.txt": "opencv-python-headless\nscikit-learn\n",
            "environment.yml": "dependencies:\n- pytorch=2.4\n",
            "app/serve.py": "import os\nimport cv2, sklearn, torch\nimport yaml\nfrom app.own import x\nfrom helpers import y\nimport sibling\nimport google.cloud.storage\n"
            "import zz_nobody_has_this\ntry:\n    import orjson\nexcept ImportError:\n    orjson = None\n",
            "app/own.py": "",
            "app/sibling.py": "",
            "src/helpers/__init__.py": "",
            "setup.py": "from setuptools import setup\nsetup()\n",
        },
        settings,
    )
    assert undeclared(made) == {
        "pyyaml": (Scope.UNDECLARED, "app/serve.py", 3),
        "google-cloud-storage": (Scope.UNDECLARED, "app/serve.py", 7),
        "orjson": (Scope.OPTIONAL, "app/serve.py", 10),
    }


def test_a_package_scanned_by_itself_imports_itself(tmp_path: Path, settings: Settings) -> None:
    made = scanned(tmp_path / "requests", {"__init__.py": "import requests.models\nimport urllib3\n"}, settings)
    assert set(undeclared(made)) == {"urllib3"}


def test_modules_of_a_target() -> None:
    own = Modules()
    for path in ("a/b/c.py", "src/pkg/x.so", "n.ipynb", "data/readme.txt"):
        own.add(path)
    assert own.has("a", "main.py") and own.has("c", "a/b/d.py") and own.has("pkg", "tests/t.py") and own.has("b", "a/z.py")
    assert not own.has("data", "main.py") and not own.has("c", "main.py")
    assert not own.has("zz", "/odd/member.py")  # a member's absolute name has no end of folders above it
    own.add("late.py")
    assert own.has("late", "main.py")


def test_the_pack() -> None:
    pack = load(Packs())
    assert {"os", "tomllib", "distutils", "asyncore", "zoneinfo", "annotationlib", "__future__"} <= pack.stdlib
    assert not {"numpy", "yaml", "setuptools", "pip", "attr"} & pack.stdlib
    assert pack.candidates("google.cloud.storage.blob")[0] == "google-cloud-storage"
    assert pack.candidates("PIL.Image")[0] == "pillow"
    assert pack.candidates("zz_nobody_has_this") == ()


EXTRA = "--extra-index-url https://packages.acme.example/simple\n"
HASH = " --hash=sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("zz-acme-features", "high"),
        ("zz-acme-features>=1", "high"),
        ("zz-acme-features==1.0", "medium"),
        ("zz-acme-features==1.0" + HASH, "info"),
        ("zz-acme-features==99.0", "high"),
        ("numpy", None),
    ],
)
def test_confusion(tmp_path: Path, settings: Settings, line: str, severity: str | None) -> None:
    made = scanned(tmp_path / "t", {"requirements.txt": EXTRA + line + "\n"}, settings)
    assert [str(f.severity) for f in made.findings if f.rule == "PACKAGE-CONFUSION"] == ([severity] if severity else [])


def test_confusion_by_settings_elsewhere(tmp_path: Path, settings: Settings) -> None:
    files = {"Dockerfile": "FROM a/b:1\nENV PIP_EXTRA_INDEX_URL=https://packages.acme.example/simple\n", "app/requirements.txt": "zz-acme-features\n"}
    made = scanned(tmp_path / "t", files, settings)
    assert [(f.where.path, f.where.line) for f in made.findings if f.rule == "PACKAGE-CONFUSION"] == [("app/requirements.txt", 1)]


def test_builds_from_an_extra_index(tmp_path: Path, settings: Settings) -> None:
    made = scanned(tmp_path / "t", {"requirements.txt": "--extra-index-url https://builds.example/whl/nightly/cu121\ntorch\ntorchvision\nnumpy\n"}, settings)
    found = [f for f in made.findings if f.rule == "PACKAGE-CONFUSION"]
    assert [str(f.severity) for f in found] == ["medium"]
    assert "torch, torchvision" in found[0].message


def test_an_explicit_index_is_safe(tmp_path: Path, settings: Settings) -> None:
    page = '[project]\nname = "a"\nversion = "1"\ndependencies = ["zz-acme-features"]\n[[tool.uv.index]]\nname = "acme"\nurl = "https://packages.acme.example/simple"\nexplicit = true\n[tool.uv.sources]\nzz-acme-features = { index = "acme" }\n'
    made = scanned(tmp_path / "t", {"pyproject.toml": page}, settings)
    assert not [f for f in made.findings if f.rule == "PACKAGE-CONFUSION"]


def test_hundreds_of_the_same_are_counted(tmp_path: Path, settings: Settings) -> None:
    rows = "".join(f"zz-acme-{n} @ git+https://github.com/acme/p{n}@main\n" for n in range(60))
    made = scanned(tmp_path / "t", {"requirements.txt": rows}, settings)
    found = [f.message for f in made.findings if f.rule == "PACKAGE-VCS-MUTABLE"]
    assert len(found) == 21
    assert any("40 more" in m for m in found)


def test_an_empty_lock_is_a_gap(tmp_path: Path, settings: Settings) -> None:
    page = '[project]\nname = "a"\nversion = "1"\ndependencies = ["numpy"]\n'
    made = scanned(tmp_path / "t", {"pyproject.toml": page, "uv.lock": "version = 1\n"}, settings)
    assert [(p.path, str(s)) for p, s, _ in made.coverage if p.path == "uv.lock"] == [("uv.lock", "partial")]
    assert made.gate.incomplete


def test_includes_are_followed_and_loops_end(tmp_path: Path, settings: Settings) -> None:
    files = {"requirements.txt": "-r deps/list.in\n-r requirements.txt\n", "deps/list.in": "numpy==2.1.0\n-r ../requirements.txt\n-r ../../outside.txt\n"}
    (tmp_path / "outside.txt").write_text("secret==1\n", "utf-8")
    made = scanned(tmp_path / "t", files, settings)
    names = {o.fact.name for o in made.survey.observed if isinstance(o.fact, Dependency)}
    assert names == {"numpy"}
    assert [p.path for p, _, reason in made.coverage if "outside" in reason] == ["deps/list.in"]


def test_members_of_a_wheel(tmp_path: Path, settings: Settings) -> None:
    import zipfile

    folder = tmp_path / "t"
    folder.mkdir()
    with zipfile.ZipFile(folder / "x-1.0-py3-none-any.whl", "w") as z:
        z.writestr("x/__init__.py", "import x.y\nimport yaml\n")
        z.writestr("x/y.py", "")
        z.writestr("x-1.0.dist-info/METADATA", "Name: x\nVersion: 1.0\nRequires-Dist: numpy>=1\n")
    made = scan(str(folder), settings)
    found = {(o.fact.name, o.fact.resolved, o.place.member) for o in made.survey.observed if isinstance(o.fact, Dependency)}
    assert found == {("x", "1.0", "x-1.0.dist-info/METADATA"), ("numpy", None, "x-1.0.dist-info/METADATA")}
    assert set(undeclared(made)) == {"pyyaml"}
