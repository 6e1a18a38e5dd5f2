"""What the keys of a configuration mean, and what their values then name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from mlsbom.formats.located import Located
from mlsbom.inspectors import hubnames, providers
from mlsbom.inspectors.documents import key_words as words
from mlsbom.inspectors.documents.common import at
from mlsbom.model import Kind, Reference, Role

_OWN_NAME = frozenset({"model", "model_id", "model_name", "model_path", "litellm_params", "repo_id", "hf_id"})
"""Keys beside which a `name` or `id` is a label."""


def snake(key: str) -> str:
    """A key in lower snake case (`apiBase`, `api-base`, `API_BASE` are `api_base`)."""
    key = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()
    return re.sub(r"[-.\s]+", "_", key)


class _Where(Struct, frozen=True):
    """Where a mapping stands: its path, the key that holds it, and what its siblings say of a service."""

    holder: str = ""
    path: str = ""
    provider: str = ""
    url: str | None = None
    access: bool = False


class Reading(Struct, frozen=True, kw_only=True):
    """How a document is read: whether it describes training, a merge, an environment, a run of LLaMA-Factory (whose data set names are
    words)."""

    training: bool = False
    merge: bool = False
    environment: bool = False
    factory: bool = False

    def references(self, root: Located) -> Iterator[Reference]:
        """What the document names, each name once a line."""
        seen: set[tuple[object, ...]] = set()
        todo: list[tuple[Located, _Where]] = [(root, _Where())]
        count = 0
        while todo and count < 20_000:
            mapping, above = todo.pop()
            count += 1
            where = self._where(mapping, above)
            names = {snake(k) for k, _ in mapping.items()}
            inner: list[tuple[Located, _Where]] = []
            for key, value in mapping.items():
                for reference in self._pair(snake(key), value, where, names):
                    mark = (reference.kind, reference.name, reference.role, reference.evidence.line)
                    if mark not in seen:
                        seen.add(mark)
                        yield reference
                child = _Where(
                    holder=snake(key),
                    path=value.path,
                    provider=where.provider,
                    url=where.url,
                    access=where.access and value.kind == "mapping",
                )
                for one in value.each() if value.kind == "sequence" else (value,):
                    if one.kind == "mapping":
                        inner.append((one, child))
                    elif one.kind == "sequence":
                        inner.extend((x, child) for x in one.each() if x.kind == "mapping")
            todo.extend(reversed(inner))

    @staticmethod
    def _where(mapping: Located, above: _Where) -> _Where:
        provider, url = above.provider, above.url
        names = {snake(k): v for k, v in mapping.items()}
        for key in words.PROVIDER:
            if key in names and (
                who := providers.PREFIXES.get(names[key].text.lower().replace("-", "_")) or providers.PREFIXES.get(names[key].text.lower())
            ):
                provider = who
                break
        for key, value in names.items():
            if (
                words.SERVING.fullmatch(key)
                and value.kind == "scalar"
                and providers.URL.match(value.text)
                and providers.host_of(value.text)
            ):
                url = providers.safe_url(value.text)
                break
        return _Where(
            holder=above.holder, path=above.path, provider=provider, url=url, access=above.access or bool(words.ACCESS & set(names))
        )

    # --- one pair --------------------------------------------------------------------------------------------------------------------

    def _pair(self, key: str, value: Located, where: _Where, siblings: set[str]) -> Iterator[Reference]:
        scalars = [v for v in value.each() if v.kind == "scalar" and v.text]
        if not scalars:
            if words.DATA_HOLDER.fullmatch(key) and key.endswith("mixer"):
                yield from self._mixer(value, where)
            return
        if words.PRODUCT.fullmatch(where.holder):  # what the run makes, and where it goes
            for one in scalars:
                yield from self._service(one, key, where, siblings)
            return
        inner = key in words.INNER
        if words.DATA_HOLDER.fullmatch(where.holder) and inner and not words.MODEL_HOLDER.fullmatch(where.holder):
            for one in scalars:
                yield from self._dataset(one, key, where)
            return
        if words.DATASET.fullmatch(key) and not words.NOT_DATASET.fullmatch(key):
            for one in scalars:
                yield from self._dataset(one, key, where)
        elif (
            (words.MODEL.fullmatch(key) and not words.NOT_MODEL.fullmatch(key))
            or (inner and words.MODEL_HOLDER.fullmatch(where.holder))
            or (key == "engine" and (where.access or where.provider))
        ):
            alias = (key == "model_name" and "litellm_params" in siblings) or (key in ("name", "id") and bool(siblings & _OWN_NAME))
            plain = "deployment" in key and not (where.access or where.provider)
            for one in () if alias or plain else scalars:
                yield from self._model(one, key, where)
        for one in scalars:
            if key == "providers" or (key == "id" and where.holder == "providers"):
                yield from self._routed(one)
            yield from self._service(one, key, where, siblings)

    @staticmethod
    def _routed(value: Located) -> Iterator[Reference]:
        """`openai:chat:gpt-4o`, as promptfoo and its kin name who serves which model."""
        prefix, _, rest = value.text.partition(":")
        name = re.sub(r"\A(?:chat|messages|responses|completion|embeddings?|converse|image):", "", rest)
        who = providers.PREFIXES.get(prefix.lower())
        if who and re.fullmatch(r"[A-Za-z@][\w.:/@-]{1,120}", name):
            attrs = (("written", value.text),)
            yield Reference(kind=Kind.MODEL, name=name, role=Role.HOSTED, provider=who, hub="hosted", attrs=attrs, evidence=at(value))

    def _mixer(self, value: Located, where: _Where) -> Iterator[Reference]:
        """`dataset_mixer: {org/name: 1.0}`: the keys are the names."""
        for key, weight in value.items():
            if found := hubnames.hub_name(key):
                attrs = (("weight", weight.text),) if weight.text else ()
                yield hubnames.reference(found, at(weight), kind=Kind.DATASET, role=Role.TRAIN, attrs=attrs)

    def _model(self, value: Located, key: str, where: _Where) -> Iterator[Reference]:
        text = value.text.strip()
        if "${" in text or "{{" in text or len(text) > 200 or " " in text:
            return
        hosted = self._hosted(text, where)
        if hosted is not None:
            provider, name = hosted
            attrs = (("written", text),) if name != text else ()
            yield Reference(
                kind=Kind.MODEL,
                name=name,
                role=Role.HOSTED,
                provider=provider or None,
                url=where.url,
                hub="hosted",
                attrs=attrs,
                evidence=at(value),
            )
            return
        if (uri := re.match(r"models:/+([^/@]+)(?:[/@]([\w.-]+))?\Z", text)) is not None:
            yield Reference(kind=Kind.MODEL, name=uri[1], role=Role.USED, version=uri[2], hub="mlflow", evidence=at(value))
            return
        found = hubnames.hub_name(text, single=True)
        if found is None or found.what == "space":
            return
        kind = Kind.DATASET if found.what == "dataset" else Kind.MODEL
        attrs = (("part", key),) if not re.fullmatch(r"(?:base_)?model\w*|name|path|id", key) else ()
        if found.revision:
            attrs = (*attrs, ("revision", found.revision))
        if self.merge and kind == Kind.MODEL:
            yield Reference(
                kind=kind,
                name=found.repository,
                role=Role.BASE,
                relation="merge",
                version=found.revision,
                hub="huggingface",
                attrs=attrs,
                evidence=at(value),
            )
        else:
            yield hubnames.reference(found, at(value), kind=kind, attrs=attrs)

    @staticmethod
    def _hosted(text: str, where: _Where) -> tuple[str, str] | None:
        """(provider, model) where a name is that of a model behind a service."""
        who, bare = providers.routed(text)
        served = providers.provider_of_host(providers.host_of(where.url)) if where.url else ""
        prefix = re.split(r"[/:]", text, maxsplit=1)[0].lower()
        if (
            who
            and (prefix not in words.HUB_ORGS or providers.provider_of_model(bare) or where.holder == "litellm_params")
            and "://" not in text
            and not text.startswith("huggingface/")
        ):
            return served or who, bare
        if named := providers.provider_of_model(text):
            return served or where.provider or named, text
        if not re.fullmatch(r"[A-Za-z@][\w.:/@+-]*", text) or text.endswith("/") or hubnames.is_file_name(text):
            return None
        if where.provider and where.provider not in ("huggingface", "vllm"):
            return served or where.provider, text
        if (
            where.url
            and where.access
            and (providers.is_inference(where.url) or not hubnames.hub_name(text) or not providers.is_loopback(where.url))
            and re.search(r"\d|-", text)
        ):
            return served, text
        return None

    def _dataset(self, value: Located, key: str, where: _Where) -> Iterator[Reference]:
        text = value.text.strip()
        if "${" in text or "{{" in text or len(text) > 300:
            return
        path = f"{where.path}.{key}"
        role = Role.TEST if words.TEST.search(path) else Role.TRAIN if self.training or "train" in path else Role.USED
        if providers.URL.match(text) and hubnames.hub_name(text) is None:
            if words.DATA_FILE.search(text.split("?")[0]) and not providers.is_loopback(text):
                url = providers.safe_url(text)
                yield Reference(kind=Kind.DATASET, name=url, role=role, url=url, hub="other", evidence=at(value))
                yield providers.service(url, at(value))
            return
        parts = [w.strip() for w in text.split(",")] if self.factory and key in ("dataset", "eval_dataset", "datasets") else [text]
        for word in parts:
            single = self.factory or (key in ("dataset_name", "path", "hf_dataset", "dataset_id") and self.training)
            found = hubnames.hub_name(word, anything=single)
            if found is not None and word.lower() not in words.BUILDERS:
                hub = "huggingface" if "/" in found.repository or not self.factory else "other"
                yield Reference(kind=Kind.DATASET, name=found.repository, role=role, version=found.revision, hub=hub, evidence=at(value))

    def _service(self, value: Located, key: str, where: _Where, siblings: set[str]) -> Iterator[Reference]:
        text = value.text.strip()
        if not providers.URL.match(text) or "${" in text or "{{" in text or "<" in text:
            return
        url = providers.safe_url(text)
        host = providers.host_of(url)
        if not host or not re.fullmatch(r"[\w.:-]+", host) or providers.is_loopback(url):
            return
        meant = (
            bool(words.ENDPOINT.fullmatch(key))
            or (self.environment and bool(words.ENVIRONMENT.fullmatch(key)))
            or providers.is_inference(url)
        )
        near = key in ("url", "uri", "host", "address") and bool(
            siblings & {"model", "provider", "api_key", "apikey", "headers", "method", "token", "timeout", "auth"}
            or re.fullmatch(
                r"(?:\w+_)?(?:api|services?|servers?|llm|endpoints?|backend|client|remote|vector_?(?:db|store)|qdrant|milvus|weaviate|"
                r"elasticsearch|inference|triton|gateway)",
                where.holder,
            )
        )
        if meant or near:
            told = words.TELEMETRY.search(key) or providers.is_telemetry(url)
            yield providers.service(url, at(value), flow="outbound" if told else "bi-directional")
            if (model := providers.hosted_in(url)) is not None:
                yield providers.hosted(model, url, at(value))
