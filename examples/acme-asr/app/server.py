"""A small service around the model."""

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
