"""Who serves a model: by host, by client library, by prefix of a router, by the model's own name. Also what a URL of a service says.

The tables hold names alone, no addresses that a target did not write. Sources: the documentation of the client libraries and the provider
list of LiteLLM.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from mlsbom.model import Evidence, Kind, Reference, Role
from mlsbom.patterns import late


def _table(text: str) -> dict[str, str]:
    """Lines `provider: word word` as word -> provider."""
    rows = (line.split(":", 1) for line in text.strip().splitlines())
    return {word: who.strip() for who, words in rows for word in words.split()}


CLIENTS: Final = _table("""
    openai: openai openai_harmony
    anthropic: anthropic
    mistral: mistralai
    cohere: cohere
    groq: groq
    together: together
    replicate: replicate
    google: google.generativeai google.genai vertexai google.cloud.aiplatform google.cloud.speech google.cloud.texttospeech
    google: google.cloud.vision
    ollama: ollama
    litellm: litellm
    voyage: voyageai
    ai21: ai21
    zhipu: zhipuai zai
    alibaba: dashscope
    fireworks: fireworks
    cerebras: cerebras
    xai: xai_sdk
    fal: fal_client
    huggingface: huggingface_hub
    amazon: boto3 aioboto3
    aleph-alpha: aleph_alpha_client
    ibm: ibm_watsonx_ai
    azure: azure.ai.inference azure.ai.openai azure.cognitiveservices.speech
    elevenlabs: elevenlabs
    deepgram: deepgram
    assemblyai: assemblyai
    volcengine: volcenginesdkarkruntime
    portkey: portkey_ai
    writer: writerai
    reka: reka
    databricks: databricks_genai_inference
    stability: stability_sdk
    baseten: baseten
    lamini: lamini
    jina: jina
    nomic: nomic
    mixedbread: mixedbread_ai
    baidu: qianfan
    tencent: tencentcloud
    rev: rev_ai
    perplexity: perplexity
    lmstudio: lmstudio
    predibase: predibase
    octoai: octoai
    cartesia: cartesia
    roboflow: roboflow inference_sdk
    gladia: gladia
    instructor: instructor
    aisuite: aisuite
    dspy: dspy
    any-llm: any_llm
""")
"""Module of a client library -> provider."""

WRAPPERS: Final = _table("""
    openai: OpenAI OpenAIChatCompletion OpenAIText OpenAIChatCompletionClient
    azure: AzureOpenAI AzureChatOpenAI AzureAI AzureChatCompletion AzureText AzureOpenAIChatCompletionClient
    anthropic: Anthropic AnthropicLLM
    mistral: Mistral MistralAI
    cohere: Cohere
    groq: Groq
    together: Together TogetherLLM
    fireworks: Fireworks
    google: GoogleGenerativeAI GoogleGenAI Gemini VertexAI VertexAIModelGarden GooglePalm PaLM Vertex
    amazon: Bedrock BedrockConverse BedrockLLM SagemakerEndpoint
    ollama: Ollama OllamaLLM
    huggingface: HuggingFaceEndpoint HuggingFaceHub HuggingFaceInferenceAPI InferenceClient HfApi
    upstage: Upstage
    deepseek: DeepSeek
    perplexity: Perplexity
    nvidia: NVIDIA
    xai: XAI
    alibaba: Tongyi DashScope
    zhipu: ZhipuAI
    baidu: Qianfan
    baichuan: Baichuan
    moonshot: MoonshotChat Moonshot
    replicate: Replicate
    ibm: WatsonxLLM Watsonx
    ai21: AI21 AI21LLM
    cerebras: Cerebras
    sambanova: SambaNova SambaStudio
    openrouter: OpenRouter
    litellm: LiteLLM
    naver: ClovaX Clova
    databricks: Databricks
    voyage: Voyage VoyageAI
    jina: Jina
    yi: Yi
    friendli: Friendli Friendliai
    openai-compatible: OpenAILike
    predibase: Predibase
""")
"""Stem of a wrapper class of LangChain, LlamaIndex and the like (`Chat…`, `…Embeddings`, `…LLM` taken off) -> provider."""

PREFIXES: Final = _table("""
    openai: openai text-completion-openai
    azure: azure azure_ai
    anthropic: anthropic claude
    google: gemini google google-gla google-vertex google_genai google_vertexai vertex_ai vertex_ai_beta palm
    amazon: bedrock bedrock_converse sagemaker
    mistral: mistral mistralai codestral
    cohere: cohere cohere_chat
    groq: groq
    together: together_ai together togetherai
    fireworks: fireworks_ai fireworks
    deepseek: deepseek
    openrouter: openrouter
    ollama: ollama ollama_chat
    huggingface: huggingface
    perplexity: perplexity
    xai: xai grok
    nvidia: nvidia_nim nvidia
    replicate: replicate
    ibm: watsonx
    ai21: ai21
    voyage: voyage
    jina: jina_ai
    databricks: databricks
    cerebras: cerebras
    sambanova: sambanova
    alibaba: dashscope
    upstage: upstage
    deepinfra: deepinfra
    vllm: hosted_vllm vllm
    cloudflare: cloudflare
    moonshot: moonshot
    volcengine: volcengine
    friendli: friendliai
    github: github
    novita: novita
    hyperbolic: hyperbolic
    nebius: nebius
    lmstudio: lm_studio
    litellm: litellm_proxy
""")
"""Prefix of a routed model name (`azure/gpt-4o`, `openai:gpt-4o`) -> provider."""

_NAMED: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (late(p, re.I), who)
    for p, who in (
        (
            r"(?:ft:)?(?:gpt-(?:3\.5|4|5|image|realtime|oss-)|chatgpt-|o[134](?:-|\Z)|text-embedding-(?:3|ada)|text-davinci|davinci-|"
            r"babbage-|dall-e-|tts-1|whisper-1\Z|omni-moderation|sora-)",
            "openai",
        ),
        (r"(?:anthropic\.)?claude-", "anthropic"),
        (r"(?:models/)?(?:gemini-|text-bison|chat-bison|textembedding-gecko|imagen-|veo-|embedding-00|text-embedding-00)", "google"),
        (r"(?:command(?:-r|-a|-light|-nightly|\Z)|embed-(?:english|multilingual|v4)|rerank-)", "cohere"),
        (r"(?:mistral-(?:large|medium|small|tiny|embed|saba)|codestral-|ministral-|pixtral-(?:large|12b)|open-mi[sx]tral)", "mistral"),
        (r"(?:solar-(?:pro|mini|1-mini|embedding|docvision)|solar-1)", "upstage"),
        (r"(?:HCX-|clir-emb)", "naver"),
        (r"deepseek-(?:chat|reasoner|coder)\Z", "deepseek"),
        (r"(?:qwen-(?:max|plus|turbo|long|vl)|qwen\d?-max|text-embedding-v\d)", "alibaba"),
        (r"grok-", "xai"),
        (r"(?:sonar(?:-|\Z)|pplx-)", "perplexity"),
        (r"voyage-", "voyage"),
        (r"(?:glm-[34]|cogview-)", "zhipu"),
        (r"(?:moonshot-v1|kimi-)", "moonshot"),
        (
            r"(?:amazon\.(?:titan|nova)|(?:us|eu|apac)\.(?:anthropic|amazon|meta)\.|(?:anthropic|meta|cohere|ai21|mistral|"
            r"stability)\.[\w-]+-[\w.-]+:\d)",
            "amazon",
        ),
        (r"jina-(?:embeddings|reranker|clip)-", "jina"),
        (r"jamba-", "ai21"),
        (r"ernie-", "baidu"),
        (r"doubao-", "volcengine"),
        (r"eleven_", "elevenlabs"),
        (r"abab\d|minimax-", "minimax"),
    )
)

_HOSTS: Final = _table("""
    google: googleapis.com googleusercontent.com
    alibaba: aliyuncs.com
    naver: ntruss.com
    azure: openai.azure.com services.ai.azure.com inference.ai.azure.com cognitiveservices.azure.com
    amazon: amazonaws.com
    zhipu: bigmodel.cn z.ai
    together: together.xyz
    xai: x.ai
    moonshot: moonshot.cn moonshot.ai
    volcengine: volces.com
    baidu: baidubce.com
    huggingface: hf.co huggingface.cloud
    fal: fal.run
    yi: 01.ai
    lepton: lepton.run
    modal: modal.run
""")
_SECOND = frozenset({"co", "com", "ac", "or", "go", "ne", "net", "org", "gov", "edu"})

_PATHS: Final = tuple(
    late(p)
    for p in (
        r"/chat-completions/([\w.-]+)",
        r"/models/([\w./-]+?):(?:\w*[gG]enerate\w*|\w*[eE]mbed\w*|countTokens|predict\w*|rawPredict|streamRawPredict)",
        r"/openai/deployments/([\w.-]+)",
        r"/engines/([\w.:-]+)/",
        r"/v2/models/([\w.-]+)/(?:infer|generate)",
        r"/model/([\w.:%-]+)/(?:invoke|converse)",
        r"/ai/run/(@?[\w@./-]+)",
        r"/v1/models/([\w.-]+/[\w.-]+)/predictions",
        r"/embeddings?/((?!v\d)[\w-]*\d[\w.-]*)\Z",
        r"/endpoints/([\w.-]+)/invocations",
    )
)
_HUB_PATH = late(r"/(?:pipeline/[\w-]+|models)/([\w.-]+(?:/[\w.-]+)?)")
_INFERENCE = late(
    r"/(?:chat/completions|completions?|embeddings?|messages|responses|generate(?:_stream)?|rerank|predict(?:ions)?|infer(?:ence)?|"
    r"transcriptions|images/generations|invoke|api/chat)\b"
)
_TELEMETRY = late(
    r"(?:telemetry|analytics|sentry|posthog|mixpanel|amplitude|segment\.(?:io|com)|datadog|newrelic|scarf\.sh|statsig|beacon|/collect\b|"
    r"/track(?:ing)?\b|/otlp|otel|/v1/(?:traces|metrics|logs)\b|honeycomb\.io|plausible|bugsnag|rollbar)",
    re.I,
)
_LOOPBACK = late(r"(?:localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|::1|host\.docker\.internal)\Z", re.I)
URL: Final = late(r"(?:https?|wss?|grpcs?)://[^\s\"'<>\\`]+\Z")


def host_of(url: str) -> str:
    """The host of a URL in lower case, without user and port; "" where there is none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_loopback(url: str) -> bool:
    """Whether a URL stays on the machine."""
    return bool(_LOOPBACK.match(host_of(url)))


def is_telemetry(url: str) -> bool:
    """Whether a URL says of itself that it is told about use."""
    return bool(_TELEMETRY.search(url))


def is_inference(url: str) -> bool:
    """Whether the path of a URL is one of those under which models are asked."""
    return bool(_INFERENCE.search(urlsplit(url).path)) or hosted_in(url) is not None


def safe_url(url: str) -> str:
    """A URL without the user, the password and the query that may hold a secret."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=netloc, query="", fragment="").geturl()


def provider_of_host(host: str) -> str:
    """Who runs a host: by the table, else the name before the public suffix (`api.upstage.ai` -> `upstage`); "" for an address."""
    labels = host.split(".")
    for n in range(len(labels) - 1):
        if (name := _HOSTS.get(".".join(labels[n:]))) is not None:
            return name
    if len(labels) < 2 or labels[-1].isdigit() or _LOOPBACK.match(host):
        return ""
    return labels[-3] if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND else labels[-2]


def provider_of_model(name: str) -> str:
    """Whose model a name can only be (`claude-…`, `gpt-4o`), else ""."""
    return next((who for pattern, who in _NAMED if pattern.match(name)), "")


def routed(name: str) -> tuple[str, str]:
    """(provider, model) of a routed name: `azure/gpt-4o`, `openai:gpt-4o`; ("", name) where it has no known prefix."""
    for sign in ("/", ":"):
        prefix, found, rest = name.partition(sign)
        if found and rest and (who := PREFIXES.get(prefix.lower())):
            return who, rest
    return "", name


def hosted_in(url: str) -> str | None:
    """The model that the path of a known inference URL names, or None."""
    path = urlsplit(url).path
    for pattern in _PATHS:
        if (m := pattern.search(path)) and "{" not in m[1]:
            return unquote(m[1]).removeprefix("publishers/")
    host = host_of(url)
    if host.endswith(("api-inference.huggingface.co", "router.huggingface.co")) and (m := _HUB_PATH.search(path)):
        return m[1]
    if host == "fal.run" or host.endswith(".fal.run"):
        return path.strip("/") or None
    return None


def hosted(model: str, url: str, evidence: Evidence) -> Reference:
    """The mention of a model that the service behind a URL serves."""
    return Reference(
        kind=Kind.MODEL,
        name=model,
        role=Role.HOSTED,
        provider=provider_of_host(host_of(url)) or None,
        url=url,
        hub="hosted",
        evidence=evidence,
    )


def service(url: str, evidence: Evidence, *, flow: str = "bi-directional", more: tuple[tuple[str, str], ...] = ()) -> Reference:
    """The mention of the service behind a URL, which is shown as it is. `flow`: inbound, bi-directional, or outbound, which is
    telemetry; `more`: further attributes."""
    host = host_of(url)
    return Reference(
        kind=Kind.SERVICE,
        name=host,
        role=Role.TELEMETRY if flow == "outbound" else Role.CALLS,
        url=url,
        provider=provider_of_host(host) or None,
        attrs=(("flow", flow), *more),
        evidence=evidence,
    )


def client_of(qualified: str) -> str:
    """The provider of a client library by the qualified name of one of its members, else ""."""
    parts = qualified.split(".")
    for n in range(min(3, len(parts)), 0, -1):
        if (who := CLIENTS.get(".".join(parts[:n]))) is not None:
            return who
    return ""


def wrapper_of(class_name: str) -> str:
    """The provider of a wrapper class (`ChatOpenAI`, `BedrockEmbeddings`), else ""."""
    stem = class_name
    for _ in range(3):
        if (who := WRAPPERS.get(stem)) is not None:
            return who
        for cut in ("Chat", "Async"):
            stem = stem.removeprefix(cut)
        for cut in (
            "Embeddings",
            "Embedding",
            "LLM",
            "Chat",
            "Generator",
            "Model",
            "ChatGenerator",
            "ChatModel",
            "Multimodal",
            "MultiModal",
            "Rerank",
            "Reranker",
            "Client",
        ):
            if stem.endswith(cut) and stem != cut:
                stem = stem.removesuffix(cut)
                break
    return WRAPPERS.get(stem, "")
