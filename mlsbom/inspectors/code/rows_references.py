"""When the readers of references in code are called."""

from __future__ import annotations

from mlsbom.inspectors import Row

_STEMS: tuple[bytes, ...] = (
    b"from_pretrained", b"from_quantized", b"from_preset", b"from_hub", b"from_hparams", b"from_single_file", b"pipeline", b"SentenceTransformer", b"CrossEncoder", b"hub", b"snapshot_download", b"load_", b"Loader",
    b"datasets", b"create_model", b"torchvision", b"applications", b"vllm", b"spacy", b"whisper", b"Whisper", b"nemo", b"TTS", b"YOLO", b"fastembed", b"flair", b"gensim", b"clip", b"Embedding", b"://", b"openai", b"anthropic",
    b"mistralai", b"cohere", b"groq", b"together", b"replicate", b"genai", b"generativeai", b"vertexai", b"bedrock", b"ollama", b"litellm", b"langchain", b"llama_index", b"dspy", b"instructor", b"pydantic_ai", b"smolagents", b"InferenceClient",
    b"fal_client", b"dashscope", b"zhipuai", b"voyageai", b"ai21", b"requests", b"httpx", b"grpc", b"gradio", b"wandb", b"mlflow", b"completions", b"sagemaker", b"model=", b"model_id", b"model_name", b"modelId",
)
"""Rare stems of which every source with a reference holds one; only then is a syntax tree built."""

ROWS: tuple[Row, ...] = (
    Row(name="code.references", module="mlsbom.inspectors.code.references", formats=frozenset({"python"}), names=("*.py", "*.pyi"), triggers=_STEMS),
    Row(name="code.notebooks", module="mlsbom.inspectors.code.notebooks", formats=frozenset({"notebook"}), names=("*.ipynb",)),
)
