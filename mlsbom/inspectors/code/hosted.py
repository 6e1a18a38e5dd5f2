"""Models behind services that calls name, and the services of client libraries.

A model's name counts as an argument of a client library, of a wrapper class of a framework, or of a call whose shape no other library has
(`….chat.completions.create(model=…)`). The service is what `base_url` says, else the library's own, marked as a default.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mlsbom.inspectors import hubnames, providers
from mlsbom.inspectors.code.calls import Call, under
from mlsbom.inspectors.code.loaders import words
from mlsbom.inspectors.code.values import Written
from mlsbom.model import Evidence, Kind, Reference, Role
from mlsbom.patterns import late

MODEL_KEYS = words(
    "model model_name model_id modelId engine deployment_name azure_deployment deployment_id deployment azure_ad_deployment "
    "ai_model_id model_version embedding_model llm endpoint_name repo_id model_id_or_path app application ref"
)
URL_KEYS = words(
    "base_url api_base openai_api_base azure_endpoint endpoint_url endpoint api_url server_url api_endpoint inference_server_url host "
    "anthropic_api_url base_urls url uri baseURL nvidia_base_url upstage_api_base ollama_host openai_proxy api_base_url "
    "openai_base_url azure_api_base"
)
FRAMEWORKS = words(
    "langchain langchain_core langchain_community llama_index haystack haystack_integrations dspy instructor pydantic_ai crewai "
    "autogen autogen_ext autogen_core autogen_agentchat smolagents semantic_kernel guidance outlines marvin agents agno phi strands "
    "camel ragas deepeval promptflow aisuite magentic mirascope ell lmql distilabel mem0 letta controlflow litellm openai_agents "
    "google.adk any_llm trulens vanna embedchain txtai portkey_ai langgraph"
)
_SHAPES = late(
    r"\.(?:chat\.completions\.(?:create|parse|stream)|completions\.create|responses\.(?:create|parse|stream)|messages\.(?:create|stream|"
    r"count_tokens)|embeddings\.create|images\.(?:generate|edit)"
    r"|audio\.(?:transcriptions|translations|speech)\.(?:with_streaming_response\.)?create|moderations\.create|"
    r"models\.(?:generate_content(?:_stream)?|embed_content)|chat\.(?:complete|complete_async|stream)|"
    r"invoke_model(?:_with_response_stream)?"
    r"|converse(?:_stream)?|chat_completion|feature_extraction|text_generation|ChatCompletion\.a?create|Completion\.a?create|"
    r"Embedding\.a?create|realtime\.connect|fine_tuning\.jobs\.create|batches\.create)\Z"
)
_WRAPPER_ROOT = late(
    r"(?:langchain|llama_index|haystack|autogen|pydantic_ai|smolagents|semantic_kernel|guidance|camel|agno|phi|dspy|crewai|autogen_ext|"
    r"ragas|deepeval|chromadb|distilabel|mirascope|outlines|txtai|mem0|vanna)"
)
_POSITIONAL = frozenset(
    words(
        "GenerativeModel TextGenerationModel ChatModel InferenceClient AsyncInferenceClient run async_run stream subscribe submit "
        "completion acompletion embedding aembedding LM from_provider Agent init_chat_model init_embeddings OpenAIModel AnthropicModel "
        "GeminiModel GroqModel MistralModel OpenAI from_pretrained generate chat embed embeddings pull OpenAIChatModel openai "
        "LiteLLMModel InferenceClientModel GoogleModel Anthropic Model TextEmbeddingModel ImageGenerationModel get_model LLM"
    )
)
_POSITION_ROOTS = words(
    "google vertexai huggingface_hub replicate fal_client litellm dspy instructor pydantic_ai langchain guidance outlines ollama "
    "smolagents mirascope inference_sdk crewai ell magentic"
)
_MANAGEMENT = frozenset({"hf_hub_download", "snapshot_download", "whoami", "login"})
_NAME = late(r"[A-Za-z@][\w.:/@+-]{0,150}\Z")


class Hosted:
    """The hosted models and services of one source; `finish` gives the services of clients that named no model and no address."""

    def __init__(self) -> None:
        self.clients: dict[str, Evidence] = {}
        self.named: set[str] = set()

    def references(self, call: Call) -> Iterator[Reference]:
        """The models behind services, and the services, that a call names."""
        provider = self._provider(call)
        shape = not provider and bool(_SHAPES.search("." + call.tail)) and not call.name.startswith(("builtins.", "unittest."))
        if not provider and not shape:
            return
        if call.last in _MANAGEMENT or (
            provider == "huggingface"
            and "InferenceClient" not in call.name
            and "HuggingFace" not in call.last
            and "Inference" not in call.last
        ):
            return
        if provider == "amazon" and under(call.name, ("boto3", "aioboto3")) and not re.search(r"bedrock|sagemaker", self._service_of(call)):
            return
        made = call if call.last[:1].isupper() or not call.tail.count(".") else call.constructor()
        url, url_node = self._url(call)
        if url is None and made is not None and made is not call:
            url, _ = self._url(made)
        if url is None:
            url = self._global_url(call)
        served = providers.provider_of_host(providers.host_of(url)) if url else ""
        if url and url_node is not None and not providers.is_loopback(url):
            yield self._service(call, url, served or provider)
        yield from self._models(call, provider, served, url)
        if provider and call.last[:1].isupper() and not url and provider not in ("litellm", "instructor", "dspy", "aisuite"):
            self.clients.setdefault(provider, call.evidence(call.node, 0.6))

    def finish(self) -> Iterator[Reference]:
        """The default services of clients of which nothing else is known."""
        for provider, evidence in self.clients.items():
            if provider not in self.named:
                yield Reference(
                    kind=Kind.SERVICE, name=provider, role=Role.CALLS, provider=provider, attrs=(("default", "true"),), evidence=evidence
                )

    # --- who serves ----------------------------------------------------------------------------------------------------------------

    def _provider(self, call: Call) -> str:
        """The provider of a call by its library or wrapper class, "framework" where only the model's name can say, or ""."""
        if not call.name:
            return ""
        if who := providers.client_of(call.name):
            return who
        part = re.split(r"[.(]", call.name)
        classes = [p for p in part if p[:1].isupper()]
        if _WRAPPER_ROOT.match(call.name) and classes and (who := providers.wrapper_of(classes[0])):
            return who
        if under(call.name, FRAMEWORKS) or call.name.startswith(("langchain", "llama_index", "autogen", "haystack")):
            if re.match(r"HuggingFace(?:Embedding|LLM|Pipeline|BgeEmb|Instruct|Local|CrossEnc|Encoder)", call.last):
                return ""
            return "framework"
        return ""

    @staticmethod
    def _service_of(call: Call) -> str:
        made = call.constructor()
        return (
            (made.text(made.argument(0, "service_name")) or "")
            if made is not None and made.last in ("client", "resource")
            else (call.text(call.argument(0, "service_name")) or "")
        )

    # --- where -----------------------------------------------------------------------------------------------------------------------

    @staticmethod
    def _url(call: Call) -> tuple[str | None, ast.expr | None]:
        for key in URL_KEYS:
            node = call.keyword(key)
            for written in call.texts(node):
                if url := shown_url(written):
                    return url, node
        return None, None

    @staticmethod
    def _global_url(call: Call) -> str | None:
        """`openai.api_base = …`, which sets the address for the whole module."""
        root = call.tail.split(".")[0]
        for attr in ("api_base", "base_url", "azure_endpoint"):
            for binding in call.code.scopes.module.bindings.get(f"{root}.{attr}", ()):
                if isinstance(binding, ast.expr):
                    for written in call.code.values.texts(binding, call.code.scopes.module):
                        if url := shown_url(written):
                            return url
        return None

    @staticmethod
    def _service(call: Call, url: str, provider: str) -> Reference:
        node = next((n for key in URL_KEYS if (n := call.keyword(key)) is not None and any(shown_url(w) for w in call.texts(n))), None)
        sure = max((w.sure for w in call.texts(node)), default=0.7)
        attrs: tuple[tuple[str, str], ...] = (("flow", "bi-directional"),)
        if call.given("api_key", "token", "api_token", "openai_api_key", "anthropic_api_key", "credentials"):
            attrs = (*attrs, ("authenticated", "true"))
        return Reference(
            kind=Kind.SERVICE,
            name=providers.host_of(url) or url,
            role=Role.CALLS,
            url=url,
            provider=provider if provider != "framework" else None,
            attrs=attrs,
            evidence=call.evidence(node, sure),
        )

    # --- what ------------------------------------------------------------------------------------------------------------------------

    def _models(self, call: Call, provider: str, served: str, url: str | None) -> Iterator[Reference]:
        seen: set[str] = set()
        for node in self._arguments(call):
            for written in call.texts(node):
                found = self._hosted(written, provider, served, url, call, node)
                if found is not None and found.name not in seen:
                    seen.add(found.name)
                    self.named.update(w for w in (provider, found.provider) if w)
                    yield found

    @staticmethod
    def _arguments(call: Call) -> Iterator[ast.expr]:
        for key in MODEL_KEYS:
            if (node := call.keyword(key)) is not None:
                yield node
        if (
            call.last in _POSITIONAL
            and call.node.args
            and under(call.name.replace("()", ""), _POSITION_ROOTS) | call.name.startswith(("langchain", "google."))
        ):
            yield call.node.args[0]
        mappings = [n for key in ("options", "config", "body", "json", "input", "source") if (n := call.keyword(key)) is not None]
        for holder in (*call.node.args, *mappings) if not call.last[:1].isupper() else ():
            if (node := call.entry(holder, "model", "model_id", "modelId")) is not None:
                yield node

    def _hosted(self, written: Written, provider: str, served: str, url: str | None, call: Call, node: ast.expr) -> Reference | None:
        text = written.text.strip()
        if not written.whole or not _NAME.match(text) or "://" in text or text.endswith(("/", ".py", ".json", ".yaml")):
            return None
        routed, bare = providers.routed(text)
        known = routed or providers.provider_of_model(text)
        if provider in ("framework", "litellm", "dspy", "instructor", "aisuite", "any-llm", ""):
            if provider in ("framework", "instructor") and not known:
                return None
            if provider == "" and not (known or served or hubnames.hub_name(text) or re.match(r"[\w.-]*\d[\w.-]*\Z", text)):
                return None
            who, name = served or known, bare if routed else text
        else:
            who, name = served or provider, text
            if provider == "openai-compatible":
                who = served or known
            if provider == "huggingface" and not hubnames.hub_name(text, single=True):
                return None
            if provider == "ollama" and ("/" in text and hubnames.is_file_name(text)):
                return None
        attrs: list[tuple[str, str]] = [("written", text)] if name != text else []
        version = None
        if who == "replicate" and ":" in name:
            name, _, version = name.partition(":")
        if deployment := call.text(call.keyword("azure_deployment", "deployment_name")):
            attrs.append(("deployment", deployment)) if deployment != text else None
        if who == "huggingface" and "/" in name:  # a model of the hub that the hub serves: its own identity says more than the service's
            return Reference(
                kind=Kind.MODEL,
                name=name,
                role=Role.USED,
                hub="huggingface",
                attrs=(("served_by", who),),
                evidence=call.evidence(node, written.sure),
            )
        return Reference(
            kind=Kind.MODEL,
            name=name,
            role=Role.HOSTED,
            version=version,
            provider=who or None,
            url=url,
            hub="hosted",
            attrs=tuple(attrs),
            evidence=call.evidence(node, written.sure),
        )


def shown_url(written: Written) -> str | None:
    """The URL that a text is, without secrets and cut before what is not known; None where it is no URL of a known host."""
    text = written.text.strip()
    if not written.whole:
        text = text.split("{", 1)[0]
        if text.count("/") < 3:
            return None
    text = re.sub(r"\{[^{}]*\}.*", "", text)
    if not providers.URL.match(text):
        return None
    host = providers.host_of(text)
    return providers.safe_url(text) if host and re.fullmatch(r"[\w.:-]+", host) else None
