"""A Hub that limits, fails, cuts, lies or is closed; and lists of files made to hurt."""

from __future__ import annotations

import os

import pytest

from mlsbom.errors import NetworkError, UsageError
from mlsbom.model import Shortfall, Status
from mlsbom.scan import Settings, scan
from mlsbom.sources.hub import MOST_REFUSED, HubSource, refusal
from tests.hub.fake_hub import OTHER, File

BIG = File(os.urandom(1 << 16) * 40, lfs=True)  # 2.6 MB: past what is fetched in one read of a small file


def survey(**more: object):
    return scan("hf://acme/asr", Settings(online=True, **more)).survey  # type: ignore[arg-type]


def reasons(made) -> list[str]:
    return [o.fact.reason for o in made.observed if isinstance(o.fact, Shortfall)]


def coverage(made) -> dict[str, str]:
    return {a.path: str(a.coverage) for a in made.artifacts}


@pytest.mark.parametrize("what", ["429", "500", "502", "503", "504", "cut"])
@pytest.mark.parametrize("where", ["/storage/README", "/resolve/"])
def test_passing_trouble_with_a_file_is_ridden_out(hub, what, where):
    there = hub({"README.md": b"# ASR, a model for speech\n" * 20}, trouble=[(where, what)] * (3 if what != "cut" else 2))
    made = survey()
    assert coverage(made) == {"README.md": "full"}
    assert len([p for _, p in there.requests if where in p]) >= 3


@pytest.mark.parametrize("what", ["429", "500", "503", "cut"])
@pytest.mark.parametrize("where", ["/api/models/acme/asr$", "/tree/", "/paths-info/"])
def test_passing_trouble_with_the_api_is_ridden_out(hub, what, where):
    hub({"README.md": b"# ASR\n"}, trouble=[(where, what)] * 2)
    assert coverage(survey()) == {"README.md": "full"}


def test_lasting_trouble_with_the_api_is_one_clear_error(hub):
    hub({"README.md": b"# ASR\n"}, trouble=[("/api/", "503")] * 50)
    with pytest.raises(NetworkError, match="error 503"):
        survey()


def test_a_cut_connection_is_taken_up_where_it_broke(hub):
    there = hub({"big.bin": BIG}, trouble=[("/storage/", "cut")] * 3)
    made = survey(weights="full")
    assert dict(made.artifacts[0].digests)["sha256"] == BIG.sha256 and made.artifacts[0].digest_by == "computed"
    assert there.sent <= BIG.size + 8


def test_a_storage_address_that_expires_is_asked_for_again(hub):
    there = hub({"big.bin": BIG}, trouble=[("/storage/", ""), ("/storage/", "signature")])
    made = survey()
    assert coverage(made) == {"big.bin": "opaque"}
    assert len([p for _, p in there.requests if "/resolve/" in p]) == 2


def test_lasting_trouble_costs_one_file_and_no_more(hub):
    hub({"README.md": b"# ASR\n", "config.json": b"{}"}, trouble=[("/storage/config", "503")] * 50)
    made = survey()
    assert coverage(made) == {"README.md": "full", "config.json": "failed"}
    assert any("503" in r for r in reasons(made))


@pytest.mark.parametrize("what", ["etag", "size"])
def test_an_answer_about_another_file_is_not_read(hub, what):
    hub({"big.safetensors": BIG}, trouble=[("/storage/", "no such")] + [("/storage/", "")] + [("/storage/", what)] * 9)
    made = survey()
    assert coverage(made)["big.safetensors"] == "failed"
    assert any("changed" in r or "another size" in r for r in reasons(made))


def test_bytes_that_are_not_those_declared_are_not_read(hub):
    hub({"plain.md": b"# plain\n", "lfs.json": File(b'{"a": 1}', lfs=True)}, trouble=[("/storage/", "changed")] * 2)
    made = survey()
    assert coverage(made) == {"plain.md": "failed", "lfs.json": "failed"}
    assert all("SHA-256" in r or "git object id" in r for r in reasons(made))


def test_a_link_to_other_bytes_is_refused_before_they_are_read(hub):
    there = hub({"model.bin": File(BIG.head, lfs=True)})
    source = HubSource("hf://acme/asr")
    (entry,) = source.entries()
    there.files["model.bin"].sha256 = "0" * 64
    with pytest.raises(Exception, match="links other bytes"), source.open(entry) as blob:
        blob.read_at(0, 8)


def test_a_server_without_ranges_is_an_error_of_the_file_alone(hub):
    hub({"README.md": b"# ASR\n", "big.bin": BIG}, ranges=False)
    made = survey()
    assert coverage(made)["README.md"] == "full" and coverage(made)["big.bin"] == "failed"


def test_a_commit_that_was_not_asked_for_is_refused(hub):
    hub({"README.md": b"# ASR\n"}, commit=OTHER)
    with pytest.raises((UsageError, NetworkError)):
        HubSource("hf://acme/asr@" + "a" * 40)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("code 401 GatedRepo", "gated"),
        ("code 403 GatedRepo", "gated"),
        ("code 404 RepoNotFound", "not there, or is private"),
        ("code 401 RepoNotFound", "not there, or is private"),
        ("code 404 RevisionNotFound", "no such revision"),
        ("invalid token", "token is not accepted"),
        ("403", "access is refused"),
    ],
)
def test_closed_doors_say_how_to_open_them(hub, trouble, words):
    hub({"README.md": b"# ASR\n"}, trouble=[("/api/", trouble)] * 9)
    with pytest.raises(UsageError, match=words) as error:
        survey()
    assert "hf_verySecretToken" not in f"{error.value} {error.value.remedy}"


@pytest.mark.parametrize("status", [401, 403])
def test_a_gate_before_the_files_is_a_failure_of_each(hub, status):
    there = hub({"README.md": b"# ASR\n", "config.json": b"{}"})
    source = HubSource("hf://acme/asr")
    entries = list(source.entries())
    there.gated = status
    for entry in entries:
        with pytest.raises(Exception, match="access is refused"), source.open(entry):
            pass


@pytest.mark.parametrize("what", ["garbage", "wait 100000"])
def test_answers_that_are_none(hub, what):
    hub({"README.md": b"# ASR\n"}, trouble=[("/api/", what)] * 9)
    with pytest.raises(NetworkError):
        survey()


def test_a_hub_that_is_not_there(hub, monkeypatch):
    hub()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(NetworkError, match="cannot be reached"):
        survey()


@pytest.mark.parametrize("endpoint", ["ftp://127.0.0.1", "nonsense", "file:///etc/passwd"])
def test_an_endpoint_that_is_none(hub, monkeypatch, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(UsageError, match="HF_ENDPOINT"):
        HubSource("hf://acme/asr")


def test_the_token_goes_to_the_hub_alone_and_into_no_document(hub, capfd):
    from mlsbom.export import choose

    render, _ = choose("json")

    there = hub({"README.md": b"# ASR\n", "big.bin": BIG}, trouble=[("/storage/", "signature")])
    document = render(scan("hf://acme/asr", Settings(online=True)))
    said = capfd.readouterr()
    assert {t for host, t in there.tokens if host == "127.0.0.1"} == {"Bearer hf_verySecretToken"}
    assert {t for host, t in there.tokens if host == "localhost"} == {""}
    assert b"hf_verySecretToken" not in document and "hf_verySecretToken" not in said.out + said.err


def test_no_token_over_plain_http_to_another_machine(monkeypatch):
    from mlsbom.sources.hub_http import Connection

    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example")
    assert Connection("model", "acme/asr", "hf://acme/asr")._api.token is False
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    assert Connection("model", "acme/asr", "hf://acme/asr")._api.token is None


HOSTILE = ["/etc/passwd", "../outside", "a/../../b", "./x", "a//b", "C:/x", "a\\..\\b", "nul\0l", "line\nbreak", "x" * 5000, "", "a/", "\ud800"]


@pytest.mark.parametrize("path", HOSTILE)
def test_paths_that_leave_the_target_are_refused(path):
    assert refusal(path, 1)


@pytest.mark.parametrize("size", [-1, 1.5, "3", None, True, 1 << 63])
def test_sizes_that_are_none_are_refused(size):
    assert refusal("a", size)


def test_a_hostile_list_is_refused_and_said_so(hub):
    good = File(b"# ASR\n")
    there = hub({"README.md": good})
    bad = [good.row(p) for p in HOSTILE if "\ud800" not in p] + [{**good.row("neg"), "size": -5}, good.row("README.md")]
    there.rows = lambda: [good.row("README.md"), *bad, *(good.row(f"../{n}") for n in range(500))]
    made = survey()
    assert coverage(made) == {"README.md": "full"}
    said = [r for r in reasons(made) if "refused" in r]
    assert 10 < len(said) <= MOST_REFUSED + 1 and any("more entries" in r for r in said)
    assert not any("/resolve/" in p and "README" not in p for _, p in there.requests)
    assert any(o.fact.status is Status.FAILED for o in made.observed if isinstance(o.fact, Shortfall))


def test_a_list_without_end_is_bounded(hub, monkeypatch):
    monkeypatch.setattr("mlsbom.sources.hub.MOST_FILES", 2500)
    good = File(b"x")
    there = hub({})
    rows = [good.row(f"f{n}") for n in range(1_000_000)]
    there.rows = lambda: rows
    source = HubSource("hf://acme/asr")
    entries = list(source.entries())
    assert len(entries) == 2501 and "more than 2500 files" in entries[0].reason
    assert len([p for _, p in there.requests if "/tree/" in p]) <= 3


def test_a_million_files_on_one_page_are_refused(hub, monkeypatch):
    monkeypatch.setattr("mlsbom.sources.hub_http.LARGEST_ANSWER", 1 << 20)
    good = File(b"x")
    there = hub({}, page=1 << 30)
    rows = [good.row(f"some/folder/file-{n}") for n in range(20_000)]
    there.rows = lambda: rows
    with pytest.raises(NetworkError, match="at most"):
        survey()


def test_a_list_that_breaks_off_keeps_what_was_read(hub):
    there = hub({f"{n}.md": b"x" for n in range(25)}, page=10)
    there.trouble = [("/tree/", "")] * 1 + [("/tree/", "garbage")]
    made = survey()
    assert len(made.artifacts) == 10 and any("breaks off" in r for r in reasons(made))


def test_what_is_fetched_unasked_has_an_end(hub, monkeypatch):
    monkeypatch.setattr("mlsbom.sources.hub.MOST_BYTES", 100)
    hub({f"{n}.md": b"x" * 60 for n in range(5)})
    made = survey()
    assert sorted(coverage(made).values()) == ["full", "full", "partial", "partial", "partial"]
