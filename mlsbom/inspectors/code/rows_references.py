"""When the readers of references in code are called."""

from __future__ import annotations

from mlsbom.inspectors import Row

_STEMS: tuple[bytes, ...] = tuple(
    b"from_pretrained from_quantized from_preset from_hub from_hparams from_single_file pipeline Transformer( Encoder( hub. _hub hub_ "
    b"_download load_ "
    b"spacy.load gensim datasets fetch_openml create_model torchvision torchaudio applications vllm hisper nemo TTS YOLO RTDETR "
    b"fastembed flair clip. Embedding "
    b":// openai anthropic mistralai cohere groq together replicate genai generativeai vertexai bedrock ollama litellm langchain "
    b"llama_index dspy "
    b"pydantic_ai smolagents InferenceClient fal_client dashscope zhipuai voyageai grpc. gradio wandb mlflow model= model_ modelId".split()
)
"""Rare stems of which every source with a reference holds one; only then is a syntax tree built."""

ROWS: tuple[Row, ...] = (
    Row(name="code.source", module="mlsbom.inspectors.code.source", names=("*.py", "*.pyi")),
    Row(
        name="code.references",
        module="mlsbom.inspectors.code.references",
        formats=frozenset({"python"}),
        names=("*.py", "*.pyi"),
        triggers=_STEMS,
    ),
    Row(name="code.notebooks", module="mlsbom.inspectors.code.notebooks", formats=frozenset({"notebook"}), names=("*.ipynb",)),
)
