"""Make examples/acme-asr: a small fictitious model repository, rich in every kind of component, with mistakes to find.

Run by hand when the example changes; the result is committed. Everything in it is made here: the weights are zeros, the names of models,
data sets, packages and releases that exist elsewhere are only named. Nothing in it is to be run or installed.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
import zipfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent / "examples" / "acme-asr"


def safetensors(tensors: dict[str, tuple[int, ...]], metadata: dict[str, str]) -> bytes:
    """A file of zeros."""
    header: dict[str, object] = {"__metadata__": metadata}
    at = 0
    for name, shape in tensors.items():
        size = 4
        for n in shape:
            size *= n
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw + b"\0" * at


def gguf(pairs: list[tuple[str, str | int]]) -> bytes:
    """A header with one small tensor."""

    def text(s: str) -> bytes:
        raw = s.encode()
        return struct.pack("<Q", len(raw)) + raw

    def value(v: str | int) -> bytes:
        return struct.pack("<I", 8) + text(v) if isinstance(v, str) else struct.pack("<II", 4, v)

    out = b"GGUF" + struct.pack("<IQQ", 3, 1, len(pairs)) + b"".join(text(k) + value(v) for k, v in pairs)
    out += text("token_embd.weight") + struct.pack("<IQQIQ", 2, 16, 8, 0, 0)
    return out + b"\0" * (-len(out) % 32) + b"\0" * 512


FILES: dict[str, str | bytes] = {
    "README.md": """---
language: [ko, en]
license: apache-2.0
library_name: transformers
pipeline_tag: automatic-speech-recognition
base_model: openai/whisper-small
base_model_relation: finetune
datasets:
- mozilla-foundation/common_voice_17_0
- google/fleurs
tags: [korean, speech]
metrics: [cer]
co2_eq_emissions:
  emissions: 8200
  hardware_used: 4xA100
model-index:
- name: acme-asr
  results:
  - task: {type: automatic-speech-recognition}
    dataset: {name: FLEURS ko_kr, type: google/fleurs}
    metrics:
    - {type: cer, value: 6.1, name: CER}
---
# Acme ASR

Acme ASR writes down Korean speech of public-service calls. It is a fine-tuned Whisper small, by Acme Labs.

## Intended use
Subtitles and search for recorded calls.

## Out-of-scope use
Identifying people by their voice.

## Limitations
Strong dialects and overlapping speech raise the error rate.

## Training data
Common Voice (ko), FLEURS (ko_kr) and 40 hours of staff recordings, supervised.
""",

    "SECURITY.md": "# Security policy\n\nReport vulnerabilities to security@acme.example. We answer within 14 days.\n",
    "config.json": json.dumps(
        {
            "architectures": ["WhisperForConditionalGeneration"],
            "model_type": "whisper",
            "d_model": 16,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "vocab_size": 64,
            "torch_dtype": "float32",
            "transformers_version": "4.48.0",
            "auto_map": {"AutoModelForSpeechSeq2Seq": "modeling_acme.AcmeASR"},
        },
        indent=1,
    )
    + "\n",
    "generation_config.json": json.dumps({"num_beams": 1, "max_length": 225, "transformers_version": "4.48.0"}, indent=1) + "\n",
    "modeling_acme.py": '''"""The model's code: a Whisper with a language head."""

import torch
from torch import nn
from transformers import WhisperForConditionalGeneration


class AcmeASR(WhisperForConditionalGeneration):
    """Whisper, and a head that tells Korean from English."""

    def __init__(self, config):
        super().__init__(config)
        self.language = nn.Linear(config.d_model, 2)

    def which(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.language(hidden.mean(dim=1)).softmax(dim=-1)
''',
    "model.safetensors": safetensors(
        {"model.encoder.embed_positions.weight": (30, 16), "model.decoder.embed_tokens.weight": (64, 16), "language.weight": (2, 16)},
        {"format": "pt", "license": "apache-2.0"},
    ),
    "postcorrect/README.md": """---
license: mit
base_model: meta-llama/Llama-3.2-1B-Instruct
base_model_relation: adapter
pipeline_tag: text-generation
---
# Acme post-correction

A LoRA that mends spacing and numbers in transcripts.
""",
    "postcorrect/adapter_config.json": json.dumps(
        {
            "peft_type": "LORA",
            "base_model_name_or_path": "meta-llama/Llama-3.2-1B-Instruct",
            "r": 8,
            "lora_alpha": 16,
            "target_modules": ["q_proj", "v_proj"],
            "task_type": "CAUSAL_LM",
        },
        indent=1,
    )
    + "\n",
    "postcorrect/adapter_model.safetensors": safetensors(
        {"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": (8, 16)}, {"format": "pt"}
    ),
    "edge/acme-asr-q4.gguf": gguf(
        [
            ("general.architecture", "whisper"),
            ("general.name", "Acme ASR edge"),
            ("general.author", "Acme Labs"),
            ("general.version", "1.2"),
            ("general.license", "cc-by-nc-4.0"),
            ("general.file_type", 15),
            ("general.quantization_version", 2),
        ]
    ),
    "data/README.md": """---
license: cc-by-nc-4.0
pretty_name: Acme staff calls
language: [ko]
task_categories: [automatic-speech-recognition]
size_categories: [n<1K]
source_datasets: [original]
---
# Acme staff calls

Recordings of staff reading service calls, with transcripts. No personal information: names and numbers are invented.
""",
    "data/train.jsonl": '{"audio": "0001.flac", "text": "민원 접수가 완료되었습니다"}\n{"audio": "0002.flac", "text": "다음 주 화요일에 방문하시면 됩니다"}\n',
    "train/finetune.yaml": "model_name_or_path: openai/whisper-small\ndataset_name: mozilla-foundation/common_voice_17_0\nlearning_rate: 1.0e-05\nper_device_train_batch_size: 16\nseed: 7\n",
    "app/server.py": '''"""A small service around the model."""

import os

from fastapi import FastAPI
from openai import OpenAI
from pyannote.audio import Pipeline
from transformers import AutoModelForSpeechSeq2Seq, pipeline

app = FastAPI()
REVISION = "973afd24965f72e36ca33b3055d56a652f456b4d"
asr = pipeline("automatic-speech-recognition", model="openai/whisper-small", revision=REVISION)
model = AutoModelForSpeechSeq2Seq.from_pretrained("acme/acme-asr", trust_remote_code=True)
diarise = Pipeline.from_pretrained("pyannote/speaker-diarization-3.1")
client = OpenAI(base_url=os.environ.get("LLM_URL", "https://llm.acme.example/v1"), api_key=os.environ["LLM_API_KEY"])


@app.post("/transcribe")
def transcribe(path: str) -> dict:
    text = asr(path)["text"]
    answer = client.chat.completions.create(model="acme-summary-large", messages=[{"role": "user", "content": text}])
    return {"text": text, "summary": answer.choices[0].message.content}
''',
    "app/explore.ipynb": json.dumps(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {},
            "cells": [
                {
                    "cell_type": "code",
                    "id": "a",
                    "metadata": {},
                    "outputs": [],
                    "execution_count": None,
                    "source": [
                        "!pip install jiwer==3.0.5\n",
                        "from datasets import load_dataset\n",
                        "test = load_dataset('google/fleurs', 'ko_kr', split='test')\n",
                    ],
                }
            ],
        },
        indent=1,
    )
    + "\n",
    "requirements.txt": "torch==2.6.0\ntransformers>=4.48,<5\nfastapi==0.115.6\nlitellm==1.82.7\nsentencepeice==0.2.0\npyannote.audio==3.3.2\n",
    "pyproject.toml": '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n[project]\nname = "acme-asr"\nversion = "1.2.0"\nlicense = "Apache-2.0"\n'
    'requires-python = ">=3.10"\ndependencies = ["torch>=2.6", "transformers>=4.48"]\n\n[project.optional-dependencies]\nserve = ["uvicorn==0.34.0"]\n',
    "environment.yml": "name: acme-asr\nchannels: [conda-forge]\ndependencies:\n- python=3.11\n- ffmpeg=7.1\n- pip:\n  - soundfile==0.12.1\n",
    "Dockerfile": "FROM python:3.11-slim\nRUN pip install --no-cache-dir -r requirements.txt && pip install --no-cache-dir gunicorn==23.0.0\n"
    "RUN hf download openai/whisper-small --revision 973afd24965f72e36ca33b3055d56a652f456b4d --local-dir /models/base\n"
    'CMD ["uvicorn", "app.server:app", "--host", "0.0.0.0"]\n',
    "compose.yaml": "services:\n  asr:\n    build: .\n  cache:\n    image: redis:7.4-alpine\n",
    ".mcp.json": json.dumps(
        {"mcpServers": {"files": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "./data"]}}}, indent=1
    )
    + "\n",
}


def old_checkpoint() -> bytes:
    """A pickle that would run a command when loaded (`true`, which does nothing): what a scanner has to see."""
    return b"\x80\x02}q\x00(X\x05\x00\x00\x00stateq\x01K\x01X\x04\x00\x00\x00hookq\x02cposix\nsystem\nq\x03X\x04\x00\x00\x00trueq\x04\x85q\x05Rq\x06u."


def zipped(members: dict[str, bytes]) -> bytes:
    """A stored zip with a fixed time."""
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as z:
        for name, data in members.items():
            z.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def main() -> None:
    """Write the example; nothing else below the folder is touched."""
    files: dict[str, str | bytes] = dict(FILES)
    files["LICENSE"] = (TOP.parent.parent / "LICENSE").read_bytes()
    files["checkpoints/old.pt"] = zipped({"old/data.pkl": old_checkpoint(), "old/version": b"3\n"})
    digest = hashlib.sha256(bytes(files["model.safetensors"])).hexdigest() if isinstance(files["model.safetensors"], bytes) else ""
    files["evidence/swap-test.md"] = (
        "# Swap test\n\nThe service ran with another recogniser of the same interface; CER 6.9 % against 6.1 %.\n"
    )
    files["mlsbom.toml"] = f'''[[attestation]]
kind = "initialisation"
component = "Acme ASR"
sha256 = ["{digest}"]
by = "Acme Labs"
role = "producer"
date = 2026-05-20
value = {{ encoder = "pretrained:openai/whisper-small", decoder = "pretrained:openai/whisper-small", language = "random" }}

[[attestation]]
kind = "swap-test"
component = "Acme ASR"
sha256 = ["{digest}"]
by = "Acme Labs"
role = "producer"
date = 2026-05-21
file = "evidence/swap-test.md"

[[attestation]]
kind = "jurisdiction"
component = "*"
sha256 = ["{digest}"]
by = "Acme Labs"
role = "producer"
date = 2026-05-21
value = {{ supplier = "Acme Labs", governing_law = "KR" }}
'''
    for name, content in files.items():
        path = TOP / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    sys.stdout.write(f"{len(files)} files in {TOP}\n")


if __name__ == "__main__":
    main()
