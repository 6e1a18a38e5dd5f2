"""Calls that load models and data sets, by library; and what only looks like one."""

from __future__ import annotations

import pytest

from mlsbom.model import Kind, Reference, Role

from .reading import names, read

MODELS = [
    (
        "from diffusers import DiffusionPipeline\nDiffusionPipeline.from_pretrained('acme-lab/painter-xl')",
        "acme-lab/painter-xl",
        "huggingface",
    ),
    ("p.load_lora_weights('acme-lab/pixel-lora', weight_name='a.safetensors')", "acme-lab/pixel-lora", "huggingface"),
    ("from transformers import pipeline\npipeline('ner', model='acme-lab/ner-base')", "acme-lab/ner-base", "huggingface"),
    ("from transformers import AutoModel\nAutoModel.from_pretrained('bert-base-uncased')", "bert-base-uncased", "huggingface"),
    ("from peft import PeftModel\nPeftModel.from_pretrained(base, 'acme-lab/adapter-1')", "acme-lab/adapter-1", "huggingface"),
    (
        "from sentence_transformers import SentenceTransformer as S\nS('all-MiniLM-L6-v2')",
        "sentence-transformers/all-MiniLM-L6-v2",
        "huggingface",
    ),
    ("import torch\ntorch.hub.load('acme-lab/vision:v2', 'net_s')", "acme-lab/vision", "torch-hub"),
    ("import timm\ntimm.create_model('convnext_tiny.in12k', pretrained=True)", "convnext_tiny.in12k", "timm"),
    ("import timm\ntimm.create_model('hf-hub:acme-lab/conv')", "acme-lab/conv", "huggingface"),
    ("import open_clip\nopen_clip.create_model_and_transforms('ViT-B-32', pretrained='laion2b')", "ViT-B-32", "open_clip"),
    ("from vllm import LLM\nLLM(model='acme-lab/chat-7b')", "acme-lab/chat-7b", "huggingface"),
    ("import spacy\nspacy.load('de_core_news_md')", "de_core_news_md", "spacy"),
    ("import whisper\nwhisper.load_model('medium.en')", "openai/whisper-medium.en", "openai-whisper"),
    ("from faster_whisper import WhisperModel\nWhisperModel('tiny')", "Systran/faster-whisper-tiny", "huggingface"),
    ("from speechbrain.inference import EncoderClassifier as E\nE.from_hparams(source='acme-lab/spk')", "acme-lab/spk", "huggingface"),
    (
        "import nemo.collections.asr as nemo_asr\nnemo_asr.models.ASRModel.from_pretrained(model_name='stt_en_small')",
        "stt_en_small",
        "nvidia-ngc",
    ),
    ("from torchvision import models\nmodels.resnet18(weights='DEFAULT')", "resnet18", "torchvision"),
    ("import tensorflow as tf\ntf.keras.applications.ResNet50(weights='imagenet')", "ResNet50", "keras"),
    ("import tensorflow_hub as hub\nhub.KerasLayer('https://tfhub.dev/acme/encoder/3')", "acme/encoder", "tfhub"),
    ("import torchaudio\ntorchaudio.pipelines.HUBERT_BASE.get_model()", "HUBERT_BASE", "torchaudio"),
    ("from ultralytics import YOLO\nYOLO('yolo11s-seg.pt')", "yolo11s-seg", "ultralytics"),
    ("import mlflow\nmlflow.pyfunc.load_model('models:/churn/7')", "churn", "mlflow"),
    ("from huggingface_hub import hf_hub_download\nhf_hub_download(repo_id='acme-lab/w', filename='a.bin')", "acme-lab/w", "huggingface"),
    ("from modelscope import snapshot_download\nsnapshot_download('acme-lab/ms')", "acme-lab/ms", "modelscope"),
    (
        "from langchain_huggingface import HuggingFaceEmbeddings\nHuggingFaceEmbeddings(model_name='acme-lab/emb')",
        "acme-lab/emb",
        "huggingface",
    ),
    ("import keras_hub\nkeras_hub.models.GemmaCausalLM.from_preset('hf://acme-lab/gem')", "acme-lab/gem", "huggingface"),
    ("from trl import SFTTrainer\nSFTTrainer(model='acme-lab/base')", "acme-lab/base", "huggingface"),
    ("M.from_single_file('https://huggingface.co/acme-lab/sd/blob/main/v1.safetensors')", "acme-lab/sd", "huggingface"),
]


@pytest.mark.parametrize(("source", "name", "hub"), MODELS, ids=[m[1] for m in MODELS])
def test_models(source: str, name: str, hub: str) -> None:
    found = [r for r in read(source) if r.kind == Kind.MODEL]
    assert [(r.name, r.hub, r.role) for r in found] == [(name, hub, Role.USED)]
    assert found[0].evidence.line == source.count("\n") + 1
    assert found[0].evidence.confidence == 0.9


DATASETS = [
    ("from datasets import load_dataset\nload_dataset('acme-lab/corpus', 'ko', split='train')", "acme-lab/corpus"),
    ("from datasets import load_dataset\nload_dataset('squad')", "squad"),
    ("from torchvision import datasets\ndatasets.CIFAR100('./x', train=False)", "CIFAR100"),
    ("import tensorflow_datasets as tfds\ntfds.load('fashion_mnist')", "fashion_mnist"),
    ("from sklearn.datasets import fetch_openml\nfetch_openml('adult')", "adult"),
    ("from huggingface_hub import snapshot_download\nsnapshot_download('acme-lab/d', repo_type='dataset')", "acme-lab/d"),
    ("import pandas as pd\npd.read_parquet('hf://datasets/acme-lab/tab/data.parquet')", ""),
    ("import kagglehub\nkagglehub.dataset_download('acme/tables')", "acme/tables"),
    ("from torch_geometric.datasets import Planetoid\nPlanetoid(root='x', name='Cora')", "Cora"),
]


@pytest.mark.parametrize(("source", "name"), [d for d in DATASETS if d[1]], ids=[d[1] for d in DATASETS if d[1]])
def test_datasets(source: str, name: str) -> None:
    assert names(read(source), Kind.DATASET) == [name]


def test_data_files_are_a_data_set_and_a_service() -> None:
    found = read("from datasets import load_dataset\nload_dataset('csv', data_files={'train': 'https://data.acme.example/a.csv'})")
    assert {(r.kind, r.role, r.url) for r in found} == {
        (Kind.DATASET, Role.USED, "https://data.acme.example/a.csv"),
        (Kind.SERVICE, Role.CALLS, "https://data.acme.example/a.csv"),
    }


def test_what_a_call_says_besides() -> None:
    source = "A.from_pretrained('acme-lab/m', revision='abc', trust_remote_code=True, token=t, subfolder='unet')"
    (found,) = read(source)
    assert found.version == "abc"
    assert dict(found.attrs) == {"trust_remote_code": "true", "subfolder": "unet", "revision": "abc", "token": "given"}
    (hub,) = read("import torch\ntorch.hub.load(repo_or_dir='acme-lab/v', model='entry')")
    assert dict(hub.attrs) == {"entry": "entry"}


NOTHING = [
    "A.from_pretrained('./out')",
    "A.from_pretrained('models/mine')",
    "A.from_pretrained('adapter/')",
    "A.from_pretrained('/data/m')",
    "A.from_pretrained('checkpoints/best.pt')",
    "A.from_pretrained(path)",
    "A.from_pretrained('output')",
    "A.from_pretrained(f'{x}/y')",
    "A.from_pretrained('a/b/c')",
    "A.from_pretrained('~/m')",
    "A.from_pretrained('${X}/y')",
    "'''A.from_pretrained('acme-lab/doc')'''",
    "# A.from_pretrained('acme-lab/comment')",
    "assert f('acme-lab/m').count('/') == 1",
    "assert A.from_pretrained('acme-lab/m')",
    "from datasets import load_dataset\nload_dataset('json', data_files='a.json')",
    "from datasets import load_dataset\nload_dataset('imagefolder', data_dir='x')",
    "x = 'acme-lab/model'",
    "print('load acme-lab/model')",
    "from torchvision import models\nmodels.resnet18()",
    "from torchvision.datasets import ImageFolder\nImageFolder('x')",
    "import timm\ntimm.create_model('resnet18')",
    "import spacy\nspacy.load('./mine')",
    "from ultralytics import YOLO\nYOLO('runs/best.pt')",
    "m.save_pretrained('acme-lab/x')",
    "m.push_to_hub('acme-lab/x')",
    "def load_dataset(x): ...\nload_dataset('acme-lab/local-function')",
    "import json\njson.load('acme-lab/x')",
]


@pytest.mark.parametrize("source", NOTHING)
def test_what_only_looks_like_one(source: str) -> None:
    assert read(source) == []


def test_no_reference_twice() -> None:
    found: list[Reference] = read("A.from_pretrained('acme-lab/m'); A.from_pretrained('acme-lab/m')")
    assert len(found) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from diffusers import DiffusionPipeline\nDiffusionPipeline.from_pretrained('./x', custom_pipeline='acme-lab/code')",
        "import evaluate\nevaluate.load('acme-lab/code')",
        "from kernels import get_kernel\nget_kernel('acme-lab/code')",
    ],
)
def test_remote_code(source: str) -> None:
    assert names(read(source), Kind.CODE, Role.REMOTE_CODE) == ["acme-lab/code"]
    assert read("import evaluate\nevaluate.load('accuracy')") == []
