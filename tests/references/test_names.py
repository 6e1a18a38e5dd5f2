"""Hub names and providers: what a text names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsbom.inspectors import providers
from mlsbom.inspectors.code.loaders import LOADERS
from mlsbom.inspectors.code.rows_references import ROWS
from mlsbom.inspectors.hubnames import HubName, hub_name

from .test_loaders import DATASETS, MODELS
from .test_services import HOSTED, SERVICES


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("acme/m", HubName("acme/m")),
        ("acme/m-1.5_x", HubName("acme/m-1.5_x")),
        ("acme/m@v2", HubName("acme/m", "v2")),
        ("https://huggingface.co/acme/m", HubName("acme/m")),
        ("https://huggingface.co/datasets/acme/d/resolve/abc123/x.csv", HubName("acme/d", "abc123", "dataset")),
        ("hf://datasets/acme/d/x.csv", HubName("acme/d", None, "dataset")),
        ("hf-hub:acme/m", HubName("acme/m")),
        ("gpt2", HubName("gpt2")),
        ("./acme/m", None),
        ("models/m", None),
        ("acme/m.safetensors", None),
        ("acme/m/", None),
        ("a/b/c", None),
        ("word", None),
        ("https://a.example/acme/m", None),
        ("", None),
        ("a b/c", None),
        ("${X}/y", None),
    ],
)
def test_hub_names(text: str, name: HubName | None) -> None:
    assert hub_name(text, single=True) == name


@given(st.text(max_size=100))
def test_a_hub_name_is_stable(text: str) -> None:
    found = hub_name(text, single=True, anything=True)
    if found is not None:
        again = hub_name(found.repository, single=True, anything=True)
        assert again is not None and again.repository == found.repository


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.acme.ai", "acme"),
        ("x.openai.azure.com", "azure"),
        ("api.acme.co.kr", "acme"),
        ("10.0.0.1", ""),
        ("localhost", ""),
        ("a.stream.ntruss.com", "naver"),
    ],
)
def test_providers_of_hosts(host: str, provider: str) -> None:
    assert providers.provider_of_host(host) == provider


@pytest.mark.parametrize(
    ("url", "model"),
    [
        ("https://a.example/testapp/v1/chat-completions/X-003", "X-003"),
        ("https://a.example/v1beta/models/m-1:streamGenerateContent", "m-1"),
        ("https://a.example/openai/deployments/dep/chat/completions", "dep"),
        ("https://a.example/model/acme.m-v1%3A0/invoke", "acme.m-v1:0"),
        ("https://a.example/v1/chat/completions", None),
        ("https://a.example/models", None),
    ],
)
def test_models_in_urls(url: str, model: str | None) -> None:
    assert providers.hosted_in(url) == model


def test_no_secret_in_a_shown_url() -> None:
    assert providers.safe_url("https://u:p@a.example:8/x?token=t#f") == "https://a.example:8/x"


@pytest.mark.parametrize("source", [s[0] for s in (*MODELS, *DATASETS, *HOSTED, *SERVICES)])
def test_no_reference_is_missed_for_want_of_a_stem(source: str) -> None:
    assert any(stem in source.encode() for stem in ROWS[0].triggers)


def test_every_loader_has_a_stem() -> None:
    for loader in LOADERS:
        for name in loader.names if not loader.roots else ():
            assert any(stem in f"x.{name}('a/b', {', '.join(k + '=' for k in loader.keywords)})".encode() for stem in ROWS[0].triggers), (
                name
            )
        for root in loader.roots:
            assert any(stem in f"from {root} import {' '.join(loader.names)}".encode() for stem in ROWS[0].triggers), root
