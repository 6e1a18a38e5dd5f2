"""When the readers of references in code are called."""

from __future__ import annotations

from mlsbom.inspectors import Row

_STEMS: tuple[bytes, ...] = (
    *(
        b"from_pretrained from_quantized from_preset from_hub from_hparams from_single_file pipeline sentence_transformers "
        b"torch.hub hub. _hub hub_ _download load_ mlx_ spacy gensim datasets model_zoo create_model torchvision torchaudio "
        b"applications vllm sglang hisper nemo pyannote funasr TTS YOLO RTDETR fastembed flair clip.load Embedding BERT gliner "
        b"GPT4All insightface lm_eval lighteval nnsight baukit MsDataset segmentation_models ogb evaluate kernels "
        b"custom_pipeline :// openai anthropic mistralai cohere groq together replicate genai generativeai vertexai bedrock "
        b"ollama litellm langchain llama_index dspy pydantic_ai smolagents InferenceClient fal_client dashscope zhipuai voyageai "
        b"deepgram grpc. gradio wandb mlflow comet_ml neptune clearml swanlab ultralytics rerankers Hooked model= model_ modelId "
        b"MODEL _model: load_from init_cfg dl_manager checkpoint=".split()
    ),
    b"from clip",
    b"from trl",
    b"model: str",
    b'_model = "',
)
"""Rare stems of which every source with a reference holds one; only then is a syntax tree built."""

ROWS: tuple[Row, ...] = (
    Row(
        name="code.references",
        module="mlsbom.inspectors.code.references",
        formats=frozenset({"python"}),
        names=("*.py", "*.pyi"),
        triggers=_STEMS,
    ),
    Row(name="code.notebooks", module="mlsbom.inspectors.code.notebooks", formats=frozenset({"notebook"}), names=("*.ipynb",)),
)
