"""Which calls load a model or a data set, and in which argument its name stands. Sources: the documentation of the libraries named."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from mlsbom.model import Kind


class Loader(Struct, frozen=True, kw_only=True):
    """Calls whose last name is one of `names`, under one of the modules `roots` (none: any object has such a method).

    The name stands at `position` (None: by keyword only) or under one of `keywords`. `hub`: where it is a name of, if not of a hub that
    the text itself says. `anything`: any word is a name there; `single`: so are the bare names of old hub models.
    """

    names: frozenset[str]
    roots: tuple[str, ...] = ()
    position: int | None = 0
    keywords: tuple[str, ...] = ()
    kind: Kind = Kind.MODEL
    hub: str = "huggingface"
    anything: bool = False
    single: bool = True
    prefix: str = ""
    when: tuple[str, ...] = ()
    """Keywords of which one has to be given and not be None or False (`pretrained=True`)."""


def words(text: str) -> tuple[str, ...]:
    """A table of words."""
    return tuple(text.split())


def _names(text: str) -> frozenset[str]:
    return frozenset(words(text))


_ID = words(
    "pretrained_model_name_or_path model_name_or_path model_id model_name repo_id model pretrained_model_path "
    "pretrained_model_link_or_path model_path base_model_name_or_path tokenizer_name hf_model_id name checkpoint"
)
_LANG = words(
    "langchain langchain_huggingface langchain_community langchain_core llama_index haystack haystack_integrations ragas chromadb "
    "txtai autogen smolagents semantic_kernel outlines guidance dspy crewai keybert bertopic spacy semantic_router lancedb instructor "
    "distilabel camel agno mem0"
)

LOADERS: Final[tuple[Loader, ...]] = (
    Loader(
        names=_names(
            "from_pretrained from_quantized from_pretrained_keras from_pretrained_fastai load_from_hub from_hub from_single_file "
            "push_from_hub"
        ),
        keywords=_ID,
    ),
    Loader(
        names=_names("load_lora_weights load_textual_inversion load_ip_adapter load_attn_procs load_adapter load_lora_adapter"),
        position=0,
        single=False,
        keywords=("pretrained_model_name_or_path_or_dict", "pretrained_model_name_or_path", "adapter_name_or_path", "peft_model_id"),
    ),
    Loader(names=_names("load_adapter"), roots=("peft", "transformers"), keywords=("peft_model_id", "model_id"), single=False),
    Loader(names=_names("pipeline"), roots=("transformers", "optimum", "lmdeploy"), position=1, keywords=("model", "tokenizer")),
    Loader(names=_names("pipeline"), roots=("lmdeploy",), position=0),
    Loader(names=_names("pipeline"), roots=("modelscope",), position=1, keywords=("model",), hub="modelscope"),
    Loader(
        names=_names("snapshot_download model_file_download dataset_snapshot_download"),
        roots=("modelscope",),
        keywords=("model_id",),
        hub="modelscope",
    ),
    Loader(
        names=_names("SentenceTransformer CrossEncoder SparseEncoder SentenceTransformerEmbeddings BiEncoder"),
        roots=("sentence_transformers",),
        keywords=("model_name_or_path", "model_name"),
    ),
    Loader(names=_names("Transformer"), roots=("sentence_transformers.models",), keywords=("model_name_or_path",)),
    Loader(
        names=_names(
            "hf_hub_download snapshot_download hf_hub_url cached_download try_to_load_from_cache load_state_dict_from_hub "
            "get_hf_file_metadata list_repo_files model_info "
            "dataset_info repo_info list_repo_tree get_paths_info file_exists"
        ),
        roots=("huggingface_hub", "transformers", "diffusers", "datasets"),
        keywords=("repo_id",),
    ),
    Loader(names=_names("hf_hub_download snapshot_download"), keywords=("repo_id",)),
    Loader(names=_names("load"), roots=("torch.hub",), keywords=("repo_or_dir", "github"), hub="torch-hub", single=False),
    Loader(names=_names("create_model"), roots=("timm",), keywords=("model_name",), hub="timm", anything=True, when=("pretrained",)),
    Loader(
        names=_names("create_model_and_transforms create_model_from_pretrained create_model get_tokenizer"),
        roots=("open_clip",),
        keywords=("model_name",),
        hub="open_clip",
        anything=True,
        when=("pretrained", "*hub"),
    ),
    Loader(names=_names("load"), roots=("clip",), keywords=("name",), hub="openai-clip", anything=True),
    Loader(names=_names("LLM AsyncEngineArgs EngineArgs"), roots=("vllm",), keywords=("model", "tokenizer", "speculative_model")),
    Loader(names=_names("Engine Runtime"), roots=("sglang",), position=None, keywords=("model_path",)),
    Loader(names=_names("load"), roots=("mlx_lm", "mlx_vlm", "mlx_audio", "mlx_whisper"), keywords=("path_or_hf_repo", "model_path")),
    Loader(names=_names("transcribe"), roots=("mlx_whisper",), position=None, keywords=("path_or_hf_repo",)),
    Loader(names=_names("Pipeline Model Inference"), roots=("pyannote.audio",), keywords=("checkpoint",)),
    Loader(names=_names("from_hparams foreign_class fetch"), roots=("speechbrain",), keywords=("source",)),
    Loader(
        names=_names("load_model"),
        roots=("whisper", "whisperx", "whisper_timestamped"),
        keywords=("name",),
        hub="openai-whisper",
        anything=True,
        prefix="openai/whisper-",
    ),
    Loader(
        names=_names("WhisperModel BatchedInferencePipeline"),
        roots=("faster_whisper",),
        keywords=("model_size_or_path",),
        anything=True,
        prefix="Systran/faster-whisper-",
    ),
    Loader(names=_names("from_pretrained restore_from"), roots=("nemo",), keywords=("model_name",), hub="nvidia-ngc", anything=True),
    Loader(
        names=_names("TTS load_tts_model_by_name download_model"),
        roots=("TTS",),
        keywords=("model_name", "model_path"),
        hub="coqui",
        anything=True,
    ),
    Loader(
        names=_names("AutoModel"),
        roots=("funasr",),
        position=None,
        keywords=("model", "vad_model", "punc_model", "spk_model"),
        hub="modelscope",
        anything=True,
    ),
    Loader(names=_names("load"), roots=("spacy", "spacy_transformers"), keywords=("name",), hub="spacy", anything=True),
    Loader(names=_names("download"), roots=("spacy.cli",), keywords=("model",), hub="spacy", anything=True),
    Loader(names=_names("load"), roots=("flair",), keywords=("model_path",), hub="flair", anything=True),
    Loader(names=_names("TransformerWordEmbeddings TransformerDocumentEmbeddings"), roots=("flair",), keywords=("model",)),
    Loader(names=_names("load"), roots=("gensim.downloader",), keywords=("name",), hub="gensim", anything=True),
    Loader(names=_names("from_preset"), keywords=("preset",), hub="keras", anything=True),
    Loader(
        names=_names("load_model"), roots=("keras", "tensorflow.keras", "tf_keras"), keywords=("filepath",), hub="hf-scheme", single=False
    ),
    Loader(names=_names("load KerasLayer resolve Module"), roots=("tensorflow_hub",), keywords=("handle",), hub="tfhub", single=False),
    Loader(names=_names("model_download"), roots=("kagglehub",), keywords=("handle",), hub="kaggle", single=False),
    Loader(
        names=_names("dataset_download dataset_load load_dataset dataset_download_files"),
        roots=("kagglehub", "kaggle"),
        keywords=("handle", "dataset"),
        hub="kaggle",
        kind=Kind.DATASET,
        single=False,
    ),
    Loader(
        names=_names("YOLO YOLOWorld RTDETR SAM FastSAM NAS"), roots=("ultralytics",), keywords=("model",), hub="ultralytics", anything=True
    ),
    Loader(
        names=_names(
            "FlagModel BGEM3FlagModel FlagReranker FlagLLMReranker FlagLLMModel FlagAutoModel FlagAutoReranker LayerWiseFlagLLMReranker "
            "FlagICLModel from_finetuned"
        ),
        roots=("FlagEmbedding",),
        keywords=("model_name_or_path",),
    ),
    Loader(
        names=_names("TextEmbedding SparseTextEmbedding ImageEmbedding LateInteractionTextEmbedding TextCrossEncoder"),
        roots=("fastembed",),
        keywords=("model_name",),
    ),
    Loader(
        names=_names("SetFitModel SetFitTrainer KeyBERT BERTopic SemanticRouter"),
        roots=("setfit", "keybert", "bertopic"),
        keywords=("model", "embedding_model"),
    ),
    Loader(
        names=_names("ColBERT RAGPretrainedModel Indexer Searcher"),
        roots=("colbert", "ragatouille", "pylate"),
        keywords=("checkpoint", "model_name_or_path"),
    ),
    Loader(names=_names("Reranker AutoModelForReranker"), roots=("rerankers",), keywords=("model_name",)),
    Loader(
        names=_names(
            "HuggingFaceEmbeddings HuggingFaceBgeEmbeddings HuggingFaceInstructEmbeddings SentenceTransformerEmbeddings "
            "HuggingFaceEmbedding HuggingFaceLLM FastEmbedEmbedding FastEmbedEmbeddings "
            "HuggingFacePipeline from_model_id SentenceTransformerEmbeddingFunction SentenceTransformersTextEmbedder "
            "SentenceTransformersDocumentEmbedder HuggingFaceLocalGenerator SentenceTransformerRerank HuggingFaceCrossEncoder "
            "TransformersSimilarityRanker HuggingFaceLocalChatGenerator TransformersModel MLXModel VLLMModel HuggingFaceEncoder "
            "Embeddings Transformers transformers VLLM FlagEmbeddingReranker ColbertReranker OptimumEmbedding"
        ),
        roots=_LANG,
        position=0,
        keywords=("model_name", "model_id", "model", "model_name_or_path", "repo_id", "tokenizer_name", "path", "name", "folder_name"),
    ),
    Loader(names=_names("GliNER GLiNER"), roots=("gliner",)),
    Loader(
        names=_names(
            "SFTTrainer DPOTrainer GRPOTrainer PPOTrainer ORPOTrainer KTOTrainer RewardTrainer RLOOTrainer OnlineDPOTrainer GKDTrainer "
            "CPOTrainer"
        ),
        roots=("trl",),
        keywords=("model", "ref_model", "reward_model", "reward_funcs", "teacher_model", "judge"),
    ),
    Loader(
        names=_names("Model LanguageModel LightEval HFLM VLLM"),
        roots=("lm_eval", "lighteval", "nnsight", "baukit"),
        keywords=("pretrained", "model_name"),
    ),
    Loader(names=_names("HookedTransformer LanguageModel"), roots=("transformer_lens", "nnsight"), keywords=("model_name",)),
    Loader(names=_names("load_model from_model_id"), roots=("mlflow",), keywords=("model_uri",), hub="mlflow", single=False),
    Loader(names=_names("OVModelForCausalLM LLMPipeline"), roots=("openvino_genai",)),
    Loader(names=_names("Generator Translator"), roots=("hf_hub_ctranslate2",), position=None, keywords=("model_name_or_path",)),
    Loader(
        names=_names("GeneratorCT2fromHfHub TranslatorCT2fromHfHub EncoderCT2fromHfHub MultiLingualTranslatorCT2fromHfHub"),
        position=None,
        keywords=("model_name_or_path",),
    ),
    Loader(names=_names("GPT4All"), roots=("gpt4all",), keywords=("model_name",), hub="gpt4all", anything=True),
    Loader(names=_names("FaceAnalysis"), roots=("insightface",), position=None, keywords=("name",), hub="insightface", anything=True),
    Loader(
        names=_names("get_checkpoint_url get get_config_file"),
        roots=("detectron2.model_zoo",),
        keywords=("config_path",),
        hub="detectron2",
        anything=True,
    ),
    Loader(
        names=_names("get_model"),
        roots=("torchvision.models",),
        keywords=("name",),
        hub="torchvision",
        anything=True,
        when=("weights", "pretrained"),
    ),
    Loader(
        names=_names("load_dataset load_dataset_builder get_dataset_split_names get_dataset_config_names get_dataset_infos"),
        roots=("datasets", "unsloth"),
        keywords=("path",),
        kind=Kind.DATASET,
        anything=True,
    ),
    Loader(
        names=_names("load builder as_dataframe"),
        roots=("tensorflow_datasets",),
        keywords=("name",),
        kind=Kind.DATASET,
        hub="tfds",
        anything=True,
    ),
    Loader(names=_names("load"), roots=("ir_datasets",), kind=Kind.DATASET, hub="ir_datasets", anything=True),
    Loader(names=_names("fetch_openml"), roots=("sklearn.datasets",), keywords=("name",), kind=Kind.DATASET, hub="openml", anything=True),
    Loader(names=_names("load_zoo_dataset"), roots=("fiftyone",), keywords=("name",), kind=Kind.DATASET, hub="fiftyone", anything=True),
    Loader(
        names=_names("load_from_hub"),
        roots=("fiftyone", "llama_index", "haystack", "argilla", "distilabel"),
        kind=Kind.DATASET,
        single=False,
    ),
    Loader(
        names=_names("MsDataset load"),
        roots=("modelscope.msdatasets", "modelscope.MsDataset"),
        keywords=("dataset_name",),
        kind=Kind.DATASET,
        hub="modelscope",
        anything=True,
    ),
    Loader(
        names=_names(
            "PygNodePropPredDataset PygGraphPropPredDataset PygLinkPropPredDataset NodePropPredDataset GraphPropPredDataset "
            "LinkPropPredDataset DglNodePropPredDataset"
        ),
        roots=("ogb",),
        keywords=("name",),
        kind=Kind.DATASET,
        hub="ogb",
        anything=True,
    ),
)

CLASS_DATASETS: Final = {
    "torchvision.datasets": "torchvision",
    "torchaudio.datasets": "torchaudio",
    "torchtext.datasets": "torchtext",
    "keras.datasets": "keras",
    "tensorflow.keras.datasets": "keras",
    "torch_geometric.datasets": "torch_geometric",
    "tf_keras.datasets": "keras",
    "medmnist": "medmnist",
}
"""Modules whose classes or modules are data sets by name (`torchvision.datasets.CIFAR10`)."""

NO_DATASETS: Final = frozenset(words("ImageFolder DatasetFolder FakeData VisionDataset utils vision folder MNISTDataset INFO Evaluator"))

ZOO_MODELS: Final = {
    "torchvision.models": "torchvision",
    "keras.applications": "keras",
    "tensorflow.keras.applications": "keras",
    "torchaudio.pipelines": "torchaudio",
    "segmentation_models_pytorch": "smp",
    "tf_keras.applications": "keras",
}
"""Modules whose functions are models by name, trained where weights are asked for (`torchvision.models.resnet50(weights=…)`)."""

BUILDERS: Final = frozenset(
    words(
        "json csv parquet text arrow pandas imagefolder audiofolder videofolder pdffolder webdataset xml sql generator spark cache hdf5 "
        "lance bioset"
    )
)
"""Names under which `load_dataset` reads files of any origin: no data sets."""
