"""Surveys of repositories on a Hub: what is read, what is declared, what it costs."""

from __future__ import annotations

import hashlib
import json
import pickle
import zipfile
from io import BytesIO

import pytest
from click.testing import CliRunner

from mlsbom.cli import cli
from mlsbom.errors import NothingToScan, UsageError
from mlsbom.model import Shortfall, Statement, Status
from mlsbom.scan import Settings, open_target, scan
from tests.hub.fake_hub import COMMIT, File

CARD = b"---\nlicense: apache-2.0\n---\n# ASR\n"


def shard(number: int, size: int = 5_000_000_000, tensors: int = 10) -> File:
    """A safetensors shard of about `size` bytes: a true header and zeros."""
    each = size // tensors // 2 * 2
    table = {
        f"model.layers.{number}.{i}.weight": {"dtype": "BF16", "shape": [each // 2], "data_offsets": [i * each, (i + 1) * each]}
        for i in range(tensors)
    }
    header = json.dumps(table).encode()
    return File(len(header).to_bytes(8, "little") + header, 8 + len(header) + tensors * each, lfs=True)


def online(**more: object) -> Settings:
    return Settings(online=True, **more)  # type: ignore[arg-type]


def test_a_hundred_gigabytes_cost_less_than_twenty_megabytes(hub):
    files = {"README.md": CARD, "config.json": b'{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}'}
    files |= {f"model-{n:05}-of-00020.safetensors": shard(n) for n in range(1, 21)}
    there = hub(files)
    assert sum(f.size for f in there.files.values()) > 100_000_000_000 - 1
    result = scan("hf://acme/asr", online())
    assert there.sent < 20_000_000
    assert result.survey.target.revision == COMMIT
    by_path = {a.path: a for a in result.survey.artifacts}
    for path, file in there.files.items():
        assert dict(by_path[path].digests)["sha256"] == (file.sha256 if file.lfs else hashlib.sha256(file.head).hexdigest())
        assert by_path[path].digest_by == ("declared" if file.lfs else "computed")
        assert by_path[path].coverage is (Status.OPAQUE if file.lfs else Status.FULL)
    assert sum(o.fact.count for o in result.survey.observed if type(o.fact).__name__ == "TensorTable") == 200
    assert result.graph.root.name or result.graph.components
    assert result.gate.exit_code == 0, result.gate.reasons
    model = next(c for c in result.graph.components if c.purl and "acme/asr" in c.purl)
    assert model.version == COMMIT


def test_three_hundred_shards_stay_far_below_their_size(hub):
    there = hub({f"model-{n:05}-of-00100.safetensors": shard(n, 1_000_000_000) for n in range(1, 101)})
    scan("hf://acme/asr", online())
    assert there.sent < 20_000_000


def test_declared_fetches_no_weights(hub):
    there = hub({"README.md": CARD, "model.safetensors": shard(1)})
    result = scan("hf://acme/asr", online(weights="declared"))
    assert there.sent == len(CARD)
    one = next(a for a in result.survey.artifacts if a.path == "model.safetensors")
    assert one.coverage is Status.OPAQUE and one.digest_by == "declared" and one.size == there.files["model.safetensors"].size
    assert any("as asked" in o.fact.reason for o in result.survey.observed if isinstance(o.fact, Shortfall))


def test_full_fetches_and_checks_all_bytes(hub):
    data = bytes(range(256)) * 8192
    there = hub({"weights.bin": File(data, lfs=True)})
    result = scan("hf://acme/asr", online(weights="full"))
    (one,) = result.survey.artifacts
    assert there.sent >= len(data)
    assert one.digest_by == "computed" and dict(one.digests)["sha256"] == hashlib.sha256(data).hexdigest()


def test_a_dangerous_pickle_in_a_large_archive_is_found_by_ranges(hub):
    class Danger:
        def __reduce__(self):
            return (__import__("os").system, ("true",))

    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as z:
        z.writestr("archive/data.pkl", pickle.dumps(Danger(), 2))
        z.writestr("archive/data/0", bytes(12_000_000))
        z.writestr("archive/version", "3\n")
    there = hub({"pytorch_model.bin": File(made.getvalue(), lfs=True)})
    result = scan("hf://acme/asr", online())
    assert any(f.rule == "PICKLE-DANGEROUS-CALL" for f in result.findings)
    assert there.sent < 2_000_000


def test_the_scan_status_of_the_hub_is_evidence(hub):
    status = {
        "status": "unsafe",
        "avScan": {"virusFound": False, "virusNames": None},
        "pickleImportScan": {"highestSafetyLevel": "dangerous", "imports": []},
    }
    hub({"README.md": CARD, "model.bin": File(bytes(2_000_000), lfs=True, security=status)})
    result = scan("hf://acme/asr", online())
    said = [o for o in result.survey.observed if isinstance(o.fact, Statement) and o.fact.field == "hub_scan"]
    assert [(o.place.path, o.fact.value["status"], o.fact.value["pickle"]) for o in said] == [("model.bin", "unsafe", "dangerous")]


@pytest.mark.parametrize("kind", ["models", "datasets", "spaces"])
def test_kinds_of_repository(hub, kind):
    there = hub({"README.md": CARD}, kind=kind)
    target = "hf://acme/asr" if kind == "models" else f"hf://{kind}/acme/asr"
    assert [a.path for a in scan(target, online()).survey.artifacts] == ["README.md"]
    assert any(path.startswith(f"/api/{kind}/") for _, path in there.requests)


def test_a_branch_that_moves_is_not_mixed(hub):
    there = hub({"README.md": CARD, "model.safetensors": shard(1, 10_000_000)})
    there.after_info = lambda: setattr(there, "commit", "0" * 40)
    result = scan("hf://acme/asr@main", online())
    assert result.survey.target.revision == COMMIT
    named = {path.split("/resolve/")[1].split("/")[0] for _, path in there.requests if "/resolve/" in path}
    assert named == {COMMIT}


def test_a_renamed_repository_is_read_under_its_new_name(hub):
    hub({"README.md": CARD})
    result = scan("hf://old/name", online())
    assert result.survey.target.name == "acme/asr"
    assert any(o.fact.value == "old/name" for o in result.survey.observed if isinstance(o.fact, Statement) and o.fact.field == "hint_name")


def test_pages_of_the_list_are_followed(hub):
    hub({f"notes/{n}.md": b"x" for n in range(25)}, page=10)
    assert len(scan("hf://acme/asr", online()).survey.artifacts) == 25


def test_offline_it_is_a_clear_error(hub):
    there = hub({"README.md": CARD})
    with pytest.raises(UsageError, match="offline"):
        open_target("hf://acme/asr")
    done = CliRunner().invoke(cli, ["scan", "hf://acme/asr"])
    assert isinstance(done.exception, UsageError) and not there.requests


@pytest.mark.parametrize("target", ["hf://", "hf://a/b/c/d", "hf://models/", "hf://../x", "hf://a b/c", "hf://a/b@"])
def test_spellings_that_are_none(hub, target):
    there = hub({})
    with pytest.raises(UsageError, match="is not hf://"):
        open_target(target, True)
    assert not there.requests


def test_an_empty_repository_is_nothing_to_scan(hub):
    hub({"README.md": CARD}, rows=list)
    with pytest.raises(NothingToScan):
        scan("hf://acme/asr", online())


def test_the_same_commit_gives_the_same_document(hub, monkeypatch):
    from mlsbom.export import choose

    render, _ = choose("json")

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    hub({"README.md": CARD, "model.safetensors": shard(1, 10_000_000)})
    assert render(scan("hf://acme/asr", online())) == render(scan("hf://acme/asr", online()))
