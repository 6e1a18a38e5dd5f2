"""Models behind services, and the services that code talks to."""

from __future__ import annotations

import pytest

from mlsbom.model import Kind, Role

from .reading import read

HOSTED = [
    ("from openai import OpenAI\nOpenAI().chat.completions.create(model='gpt-4o', messages=[])", "gpt-4o", "openai", None),
    (
        "from openai import OpenAI\nc = OpenAI(base_url='https://api.acme.example/v1')\nc.embeddings.create(model='emb-2')",
        "emb-2",
        "acme",
        "https://api.acme.example/v1",
    ),
    (
        "import openai\nopenai.api_base = 'https://llm.acme.example'\nopenai.ChatCompletion.create(model='m-1')",
        "m-1",
        "acme",
        "https://llm.acme.example",
    ),
    (
        "from openai import AzureOpenAI\nc = AzureOpenAI(azure_endpoint='https://x.openai.azure.com')\nc.responses.create(model='dep-1')",
        "dep-1",
        "azure",
        "https://x.openai.azure.com",
    ),
    ("import anthropic\nanthropic.Anthropic().messages.create(model='claude-9', max_tokens=1)", "claude-9", "anthropic", None),
    ("from google import genai\nc = genai.Client()\nc.models.generate_content(model='gemini-9')", "gemini-9", "google", None),
    ("import google.generativeai as g\ng.GenerativeModel('gemini-8-flash')", "gemini-8-flash", "google", None),
    ("from mistralai import Mistral\nMistral().chat.complete(model='mistral-large-9')", "mistral-large-9", "mistral", None),
    ("import cohere\nco = cohere.ClientV2()\nco.chat(model='command-x')", "command-x", "cohere", None),
    ("import boto3\nb = boto3.client('bedrock-runtime')\nb.converse(modelId='acme.m-v1:0')", "acme.m-v1:0", "amazon", None),
    ("import ollama\nollama.chat(model='llama9')", "llama9", "ollama", None),
    ("import litellm\nlitellm.completion(model='groq/llama-x')", "llama-x", "groq", None),
    ("from langchain_openai import ChatOpenAI\nChatOpenAI(model_name='gpt-4o')", "gpt-4o", "openai", None),
    ("from langchain_community.chat_models import ChatAnthropic\nChatAnthropic(model='claude-2')", "claude-2", "anthropic", None),
    ("from langchain.chat_models import init_chat_model\ninit_chat_model('openai:gpt-4o')", "gpt-4o", "openai", None),
    ("from llama_index.llms.mistralai import MistralAI\nMistralAI(model='mistral-small')", "mistral-small", "mistral", None),
    ("import dspy\ndspy.LM('openai/gpt-4o-mini')", "gpt-4o-mini", "openai", None),
    ("import replicate\nreplicate.run('acme/painter:abc', input={})", "acme/painter", "replicate", None),
    ("async def f(client):\n    await client.chat.completions.create(model='gpt-4o')", "gpt-4o", "openai", None),
    (
        "import requests\nrequests.post('https://llm.acme.example/v1/chat/completions', json={'model': 'acme-1'})",
        "acme-1",
        "acme",
        "https://llm.acme.example/v1/chat/completions",
    ),
    (
        "import httpx\nhttpx.post('https://g.googleapis.com/v1beta/models/gemini-7:generateContent')",
        "gemini-7",
        "google",
        "https://g.googleapis.com/v1beta/models/gemini-7:generateContent",
    ),
]


@pytest.mark.parametrize(("source", "name", "provider", "url"), HOSTED, ids=[h[1] + "-" + h[2] for h in HOSTED])
def test_hosted(source: str, name: str, provider: str, url: str | None) -> None:
    found = [r for r in read(source) if r.role == Role.HOSTED]
    assert [(r.name, r.provider, r.url) for r in found] == [(name, provider, url)]
    assert found[0].evidence.line == source.count("\n") + 1


def test_a_model_that_the_hub_serves_is_a_model_of_the_hub() -> None:
    (found,) = read("from huggingface_hub import InferenceClient\nInferenceClient('acme-lab/chat')")
    assert (found.kind, found.role, found.hub, dict(found.attrs)) == (Kind.MODEL, Role.USED, "huggingface", {"served_by": "huggingface"})


SERVICES = [
    ("import requests\nrequests.get('https://a.acme.example/x')", "https://a.acme.example/x", Role.CALLS),
    ("import requests\ns = requests.Session()\ns.post('https://a.acme.example/x')", "https://a.acme.example/x", Role.CALLS),
    ("import requests\nrequests.post('https://telemetry.acme.example/ping')", "https://telemetry.acme.example/ping", Role.TELEMETRY),
    ("import requests\nrequests.get('https://user:secret@a.acme.example/x?key=secret')", "https://a.acme.example/x", Role.CALLS),
    (
        "import aiohttp\nasync def f():\n    async with aiohttp.ClientSession() as s:\n        await s.get('https://a.acme.example/x')",
        "https://a.acme.example/x",
        Role.CALLS,
    ),
    ("from urllib.request import urlopen\nB = 'https://a.acme.example'\nurlopen(f'{B}/v1')", "https://a.acme.example/v1", Role.CALLS),
    ("import requests\ndef f(i):\n    requests.get(f'https://a.acme.example/items/{i}')", "https://a.acme.example/items/", Role.CALLS),
    ("import requests\nrequests.get('https://a.acme.example/%(kind)s/%d' % x)", "https://a.acme.example/", Role.CALLS),
    ("import websockets\nwebsockets.connect('wss://a.acme.example/ws')", "wss://a.acme.example/ws", Role.CALLS),
    ("import grpc\ngrpc.insecure_channel('a.acme.example:50051')", "grpc://a.acme.example:50051", Role.CALLS),
    ("import sentry_sdk\nsentry_sdk.init(dsn='https://abc@errors.acme.example/1')", "https://errors.acme.example/1", Role.TELEMETRY),
    ("import mlflow\nmlflow.set_tracking_uri('https://runs.acme.example')", "https://runs.acme.example", Role.TELEMETRY),
    (
        "from qdrant_client import QdrantClient\nQdrantClient(url='https://vec.acme.example:6333')",
        "https://vec.acme.example:6333",
        Role.CALLS,
    ),
    ("import os\nos.environ['OPENAI_BASE_URL'] = 'https://gw.acme.example/v1'", "https://gw.acme.example/v1", Role.CALLS),
    ("import openai\nopenai.base_url = 'https://gw.acme.example/v2'", "https://gw.acme.example/v2", Role.CALLS),
    ("from acme_sdk import Client\nClient(base_url='https://a.acme.example')", "https://a.acme.example", Role.CALLS),
]


@pytest.mark.parametrize(("source", "url", "role"), SERVICES, ids=[s[1] + str(n) for n, s in enumerate(SERVICES)])
def test_services(source: str, url: str, role: Role) -> None:
    assert [(r.url, r.role) for r in read(source) if r.kind == Kind.SERVICE] == [(url, role)]


NOTHING = [
    "HELP = 'https://docs.acme.example'",
    "print('https://docs.acme.example')",
    "x = {'url': 'https://a.acme.example'}\nx.get('https://b.acme.example')",
    "import requests\nrequests.get(url)",
    "import requests\nrequests.get('http://localhost:8000/x')",
    "import requests\nrequests.get(f'https://{host}/x')",
    "from setuptools import setup\nsetup(url='https://a.acme.example')",
    "SYSTEM = 'You are not gpt-4'",
    "count(model='gpt-4')",
    "import argparse\nargparse.ArgumentParser(epilog='https://a.acme.example')",
    "def test():\n    '''requests.get(\"https://a.acme.example\")'''",
    "class Meta:\n    model = 'gpt-4'",
]


@pytest.mark.parametrize("source", NOTHING)
def test_no_service(source: str) -> None:
    assert read(source) == []


def test_a_client_without_model_or_address_is_a_default() -> None:
    (found,) = read("from anthropic import Anthropic\nc = Anthropic()")
    assert (found.kind, found.name, dict(found.attrs)) == (Kind.SERVICE, "anthropic", {"default": "true"})
    assert all(r.role == Role.HOSTED for r in read("from anthropic import Anthropic\nc = Anthropic()\nc.messages.create(model='claude-2')"))


def test_weights_and_data_by_url() -> None:
    found = read("import torch\ntorch.hub.load_state_dict_from_url('https://dl.acme.example/net.pth')")
    assert {(r.kind, r.name) for r in found} == {(Kind.MODEL, "https://dl.acme.example/net.pth"), (Kind.SERVICE, "dl.acme.example")}
    found = read("import pandas as pd\npd.read_csv('https://dl.acme.example/t.csv')")
    assert {(r.kind, r.name) for r in found} == {(Kind.DATASET, "https://dl.acme.example/t.csv"), (Kind.SERVICE, "dl.acme.example")}


def test_trackers_are_told() -> None:
    assert [(r.name, r.role) for r in read("import wandb\nwandb.init(project='x')")] == [("wandb", Role.TELEMETRY)]


def test_spaces_and_models_of_gradio() -> None:
    assert [(r.kind, r.name) for r in read("from gradio_client import Client\nClient('acme-lab/space')")] == [
        (Kind.SERVICE, "acme-lab/space")
    ]
    assert [(r.kind, r.name) for r in read("import gradio as gr\ngr.load('models/acme-lab/m')")] == [(Kind.MODEL, "acme-lab/m")]


def test_options_of_a_client_name_the_model() -> None:
    source = "from deepgram import DeepgramClient\nd = DeepgramClient()\nd.listen.rest.v('1').transcribe_file({}, {'model': 'acme-2'})"
    assert [(r.name, r.provider) for r in read(source)] == [("acme-2", "deepgram")]
