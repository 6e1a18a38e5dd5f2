"""Services that calls talk to: HTTP, WebSocket and gRPC with the URL in sight, downloads, telemetry."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mlsbom.inspectors import hubnames, providers
from mlsbom.inspectors.code.calls import Call, under
from mlsbom.inspectors.code.hosted import shown_url
from mlsbom.inspectors.code.hub import data_url
from mlsbom.inspectors.code.hub import flat as hub_flat
from mlsbom.inspectors.code.loaders import words
from mlsbom.inspectors.code.values import Written
from mlsbom.model import Kind, Reference, Role
from mlsbom.patterns import late

_HTTP = words(
    "requests httpx aiohttp urllib.request urllib3 websocket websockets grequests treq pycurl niquests curl_cffi httplib2 tls_client "
    "cloudscraper requests_futures aiohttp_retry httpx_sse sseclient socketio tornado.httpclient urllib2 six.moves.urllib.request "
    "simple_websocket wsproto gql.transport"
)
_VERBS = frozenset(
    words(
        "get post put patch delete head options request stream send urlopen Request urlretrieve ws_connect connect create_connection "
        "WebSocketApp fetch websocket_connect WebSocket build_request SSEClient EventSource aconnect_sse connect_sse HTTPTransport "
        "AIOHTTPTransport RequestsHTTPTransport open"
    )
)
_GRPC = frozenset({"insecure_channel", "secure_channel"})
_TABLES = frozenset(
    words("read_csv read_json read_parquet read_table read_excel read_feather scan_csv scan_parquet scan_ndjson read_ndjson read_text")
)
_TABLE_ROOTS = words("pandas polars dask.dataframe pyarrow cudf modin ray.data duckdb")
_FETCH = {
    "load_state_dict_from_url": 0,
    "download_url_to_file": 0,
    "download_url": 0,
    "download_and_extract_archive": 0,
    "download": 0,
    "get_file": 1,
    "retrieve": 0,
    "urlretrieve": 0,
    "cached_download": 0,
    "cached_path": 0,
    "load_file_from_url": 0,
    "load_image": 0,
    "load_video": 0,
    "Pooch": 1,
    "create": 1,
}
_FETCH_ROOTS = words(
    "torch.hub torch.utils.model_zoo torchvision.datasets.utils torchaudio wget gdown keras.utils tensorflow.keras.utils "
    "tf_keras.utils pooch urllib.request basicsr.utils.download_util cached_path beir.util mim mmengine fvcore iopath fastai "
    "huggingface_hub monai.apps diffusers.utils transformers.image_utils"
)
_URL_KEYS = words(
    "base_url api_base endpoint endpoint_url server_url api_url api_endpoint azure_endpoint dsn webhook_url tracking_uri account_url "
    "service_url connection_url host uri url collector_endpoint address cluster_url database_url gateway_url proxy_url vault_url "
    "queue_url origin"
)
_ANY_KEYS = _URL_KEYS[: _URL_KEYS.index("host")]
_CLIENT_ROOTS = words(
    "qdrant_client weaviate chromadb pinecone elasticsearch opensearchpy pymilvus redis pymongo minio sentry_sdk posthog mlflow wandb "
    "comet_ml neptune clearml opentelemetry langfuse langsmith tritonclient gradio_client slack_sdk supabase neo4j influxdb_client "
    "prometheus_client phoenix traceloop segment analytics datadog newrelic statsd amplitude mixpanel boto3 azure vespa "
    "label_studio_sdk argilla fastmcp mcp nats kafka zep_python jina bentoml ray helicone opik logfire openlit honeycomb rollbar "
    "bugsnag"
)
_TELEMETRY_ROOTS = words(
    "sentry_sdk posthog mlflow wandb comet_ml neptune clearml opentelemetry langfuse langsmith segment analytics datadog ddtrace "
    "newrelic statsd amplitude mixpanel phoenix traceloop prometheus_client helicone opik logfire openlit honeycomb rollbar bugsnag "
    "aim trackio swanlab"
)
_TELEMETRY_STARTS = frozenset(
    {
        ("wandb", "init"),
        ("comet_ml", "Experiment"),
        ("comet_ml", "start"),
        ("neptune", "init_run"),
        ("clearml", "init"),
        ("swanlab", "init"),
        ("newrelic", "initialize"),
    }
)
_WEIGHTS = late(
    r"\.(?:pt|pth|bin|ckpt|safetensors|gguf|onnx|h5|keras|pkl|joblib|tflite|pdparams|caffemodel|weights|npz|jit|mar|nemo)\Z", re.I
)
_DATA = late(r"\.(?:csv|tsv|json|jsonl|parquet|arrow|ndjson|tfrecord|feather)(?:\.(?:gz|zst|bz2|xz))?\Z", re.I)


def references(call: Call) -> Iterator[Reference]:
    """The services that a call talks to, with what the URL or the body names."""
    if call.name and under(
        call.name,
        (
            "setuptools",
            "distutils",
            "argparse",
            "unittest",
            "pytest",
            "responses",
            "requests_mock",
            "respx",
            "fastapi",
            "flask",
            "django",
            "jinja2",
            "IPython",
            "streamlit.markdown",
        ),
    ):
        return
    if _is_table(call):
        node = call.argument(0, "path", "filepath_or_buffer", "source", "path_or_buf", "paths")
        for written in call.texts(node):
            if node is not None:
                yield from data_url(call, node, written)
        return
    if (position := _FETCH.get(call.last)) is not None and under(call.name.replace("()", ""), _FETCH_ROOTS):
        yield from _fetched(call, call.argument(position, "url", "origin", "base_url", "id"))
        return
    if re.search(r"(?:^|\.)dl_manager\.\w*download", call.tail):  # a loading script of `datasets`
        for node in hub_flat(call.argument(0, "url_or_urls", "urls")):
            yield from _fetched(call, node)
        return
    if call.last in _GRPC and (call.name.startswith("grpc.") or call.tail.startswith("grpc.")):
        yield from _grpc(call)
    elif _is_http(call):
        yield from _http(call)
    elif call.name and not call.name.startswith("builtins."):
        yield from _client(call)


def _is_table(call: Call) -> bool:
    return call.last in _TABLES and under(call.name, _TABLE_ROOTS)


def _is_http(call: Call) -> bool:
    if call.last not in _VERBS:
        return False
    if call.name:
        return under(call.name.replace("()", ""), _HTTP)
    return call.code.imports(*_HTTP) and "." in call.tail and call.last not in ("connect", "open", "send")


def _http(call: Call) -> Iterator[Reference]:
    nodes = [n for n in (call.keyword("url", "uri", "fullurl"), *call.node.args[:2]) if n is not None]
    body = _body_model(call)
    for node in nodes:
        for written in call.texts(node):
            url = shown_url(written)
            if url is None or not url.startswith(("http", "ws")):
                continue
            yield from _service(call, node, url, written, inbound=call.last in ("get", "urlopen", "urlretrieve") and body is None)
            yield from _named(call, node, url, written)
            if body is not None and (providers.is_inference(url) or _asks(call)) and providers.hosted_in(url) is None:
                value, sure = body
                who, name = providers.routed(value.text)
                yield Reference(
                    kind=Kind.MODEL,
                    name=name if who else value.text,
                    role=Role.HOSTED,
                    provider=providers.provider_of_host(providers.host_of(url)) or providers.provider_of_model(value.text) or who or None,
                    url=url,
                    hub="hosted",
                    evidence=call.evidence(sure, value.sure),
                )


def _body(call: Call) -> ast.expr | None:
    """The JSON that a call sends."""
    node = call.keyword("json", "data", "content", "body")
    dumped = isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Attribute) and node.func.attr == "dumps"
    return node.args[0] if dumped and isinstance(node, ast.Call) else node


def _asks(call: Call) -> bool:
    """Whether the JSON that a call sends is a question to a model, whatever the URL says."""
    body = _body(call)
    return body is not None and call.entry(body, "messages", "prompt", "input", "inputs", "texts", "query", "contents") is not None


def _body_model(call: Call) -> tuple[Written, ast.expr] | None:
    """The `model` of the JSON that a call sends."""
    node = _body(call)
    if node is not None and (value := call.entry(node, "model", "model_id", "modelId", "engine")) is not None:
        for written in call.texts(value):
            if written.whole and re.match(r"[A-Za-z@][\w.:/@-]{1,150}\Z", written.text):
                return written, value
    return None


def _service(
    call: Call, node: ast.expr | None, url: str, written: Written, *, inbound: bool = False, telemetry: bool = False
) -> Iterator[Reference]:
    if not providers.host_of(url) or (providers.is_loopback(url) and not telemetry):
        return
    flow = "outbound" if telemetry or providers.is_telemetry(url) else "inbound" if inbound else "bi-directional"
    more: list[tuple[str, str]] = []
    if call.given("auth", "token", "api_key") or _has_authorization(call):
        more.append(("authenticated", "true"))
    if call.keyword("verify") is not None and not call.given("verify"):
        more.append(("verify", "false"))
    yield providers.service(url, call.evidence(node, written.sure), flow=flow, more=tuple(more))


def _has_authorization(call: Call) -> bool:
    headers = call.keyword("headers")
    return (
        headers is not None
        and call.entry(headers, "Authorization", "authorization", "X-API-Key", "x-api-key", "api-key", "X-NCP-CLOVASTUDIO-API-KEY")
        is not None
    )


def _named(call: Call, node: ast.expr, url: str, written: Written) -> Iterator[Reference]:
    """The model or data set that a URL names: of an inference service, or a file on the hub."""
    if (model := providers.hosted_in(url)) is not None:
        if providers.provider_of_host(providers.host_of(url)) == "huggingface" and "/" in model:
            yield Reference(
                kind=Kind.MODEL,
                name=model,
                role=Role.USED,
                hub="huggingface",
                attrs=(("served_by", "huggingface"),),
                evidence=call.evidence(node, written.sure),
            )
            return
        yield providers.hosted(model, url, call.evidence(node, written.sure))
    elif (found := hubnames.hub_name(url)) is not None and re.search(r"/(?:resolve|blob|raw)/", url):
        yield hubnames.reference(found, call.evidence(node, written.sure))


def _fetched(call: Call, node: ast.expr | None) -> Iterator[Reference]:
    """A file that is downloaded: the service, and the weights or data that it is."""
    for written in call.texts(node):
        url = shown_url(written)
        if node is None or url is None or not url.startswith("http"):
            continue
        yield from _service(call, node, url, written, inbound=True)
        if (found := hubnames.hub_name(url)) is not None:
            yield hubnames.reference(found, call.evidence(node, written.sure))
        elif written.whole and _WEIGHTS.search(url):
            yield Reference(kind=Kind.MODEL, name=url, role=Role.USED, url=url, hub="other", evidence=call.evidence(node, written.sure))
        elif written.whole and _DATA.search(url):
            yield Reference(kind=Kind.DATASET, name=url, role=Role.USED, url=url, hub="other", evidence=call.evidence(node, written.sure))


def _grpc(call: Call) -> Iterator[Reference]:
    node = call.argument(0, "target")
    for written in call.texts(node):
        target = re.sub(r"\A(?:dns:/*|grpcs?://)", "", written.text)
        host = target.partition("/")[0].rpartition(":")[0] or target
        if written.whole and re.fullmatch(r"[\w-]+(?:\.[\w-]+)+", host) and not providers.is_loopback(f"grpc://{host}"):
            yield Reference(
                kind=Kind.SERVICE,
                name=host.lower(),
                role=Role.CALLS,
                url=f"grpc://{target}",
                provider=providers.provider_of_host(host.lower()) or None,
                attrs=(("flow", "bi-directional"),),
                evidence=call.evidence(node, written.sure),
            )


def _space(call: Call) -> Iterator[Reference]:
    """A space that is called, or a model that `gradio.load` asks the hub to serve."""
    text = call.text(call.argument(0, "src", "name")) or ""
    kind = next((k for k in ("models", "huggingface", "spaces") if text.startswith(k + "/")), "")
    found = hubnames.hub_name(text.removeprefix(f"{kind}/") if kind else text)
    if found is None:
        return
    model = kind in ("models", "huggingface")
    yield Reference(
        kind=Kind.MODEL if model else Kind.SERVICE,
        name=found.repository,
        role=Role.USED if model else Role.CALLS,
        hub="huggingface",
        provider=None if model else "huggingface",
        attrs=(("served_by", "huggingface"),) if model else (),
        evidence=call.evidence(call.node, 0.9),
    )


def _client(call: Call) -> Iterator[Reference]:
    """Clients of other services: a URL under a keyword that means an address, or as first argument of a known library."""
    known = under(call.name.replace("()", ""), _CLIENT_ROOTS) or under(call.name.replace("()", ""), _HTTP)
    telemetry = under(call.name.replace("()", ""), _TELEMETRY_ROOTS)
    nodes = [call.keyword(k) for k in (_URL_KEYS if known else _ANY_KEYS)]
    if known and call.node.args:
        nodes.append(call.node.args[0])
    seen: set[str] = set()
    for node in nodes:
        for written in call.texts(node):
            url = shown_url(written)
            if url and url not in seen and url.startswith(("http", "ws", "grpc")):
                seen.add(url)
                yield from _service(call, node, url, written, telemetry=telemetry)
    root = call.name.split(".")[0]
    if under(call.name, ("gradio_client", "gradio")) and call.last in ("Client", "load"):
        yield from _space(call)
    if not seen and (root, call.last) in _TELEMETRY_STARTS:
        yield Reference(
            kind=Kind.SERVICE,
            name=root,
            role=Role.TELEMETRY,
            provider=root,
            attrs=(("flow", "outbound"),),
            evidence=call.evidence(call.node, 0.6),
        )
