"""What the commands of build files install, download and serve: one reader for shell scripts, images, workflows and notebooks.

`facts` takes text; `of_command` one command. Tables say which options of an installer take a value; an unknown option takes none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mlsbom.inspectors import ReadAs, Yield
from mlsbom.inspectors.manifests import emit
from mlsbom.inspectors.manifests.shell import Command, Word, commands
from mlsbom.model import Kind, Reference, Role, Scope


def words_of(text: str) -> frozenset[str]:
    """A table of words."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How the facts of a script are marked."""

    parser: str
    scope: Scope
    key: str | None = None
    confidence: float = emit.PINNED


_PIP_VALUES: Final = words_of(
    "-t --target --prefix --root --platform --python-version --implementation --abi --upgrade-strategy --no-binary --only-binary --progress-bar --proxy "
    "--retries --timeout --default-timeout --exists-action --cert --client-cert --cache-dir --log --src --report -C --config-settings --config-setting "
    "--global-option --build-option --install-option --hash -p --python --root-user-action --use-feature --use-deprecated --keyring-provider "
    "--torch-backend --index-strategy --resolution --prerelease --exclude-newer --link-mode --group --extra --no-build-package --only-binary-package "
    "--reinstall-package --upgrade-package -P --refresh-package --allow-insecure-host --directory --project --config-file -w --with-editable "
    "--optional --bounds --branch --tag --rev --env-file --pip-args --suffix -G --source"
)
_INDEX: Final = {
    "-i": False, "--index-url": False, "--pypi-url": False, "--default-index": False, "--extra-index-url": True, "--index": True, "-f": True, "--find-links": True,
}  # fmt: skip
_CONDA_VALUES: Final = words_of("-n --name -p --prefix -r --root-prefix --platform --repodata-fn --solver -m --mount --experimental")
_APT_VALUES: Final = words_of(
    "-t --target-release --default-release -o --option -c --config-file -a --host-architecture --allow-repository"
)
_NPM_VALUES: Final = words_of(
    "--prefix -C --cwd --dir --registry --tag -w --workspace --filter -F --loglevel --cache --omit --include --fetch-timeout"
)
_MODEL_OPTIONS: Final = words_of(
    "--model --model-id --model_id --model-path --model_path --model-name --model_name --model-name-or-path --model_name_or_path --pretrained "
    "--pretrained-model --pretrained_model_name_or_path --base-model --base_model --hf-repo -hf -hfr --hf-repo-draft --speculative-model --speculative_model "
    "--draft-model --draft-model-path --embedding-model --embedding_model --reranker-model --tokenizer --tokenizer-path --tokenizer_name --hf-model "
    "--hf-model-id --model-name-or-path --assistant-model --teacher-model --reward-model --lora-path --adapter-name-or-path --adapter_name_or_path"
)
_DATA_OPTIONS: Final = words_of(
    "--dataset --dataset-name --dataset_name --dataset-id --dataset_id --dataset-path --train-dataset --eval-dataset --prompt-data"
)
MODEL_VARIABLES: Final = words_of(
    "MODEL_ID HF_MODEL_ID HF_MODEL MODEL MODEL_NAME MODEL_NAME_OR_PATH MODEL_PATH BASE_MODEL BASE_MODEL_ID EMBEDDING_MODEL EMBEDDING_MODEL_ID RERANK_MODEL "
    "RERANKER_MODEL TOKENIZER TOKENIZER_ID VLLM_MODEL LLM_MODEL LLM_MODEL_ID TEI_MODEL_ID SPECULATIVE_MODEL DRAFT_MODEL"
)
_INDEX_VARIABLES: Final = {
    "PIP_INDEX_URL": False, "PIP_EXTRA_INDEX_URL": True, "PIP_FIND_LINKS": True, "UV_INDEX_URL": False, "UV_DEFAULT_INDEX": False, "UV_INDEX": True,
    "UV_EXTRA_INDEX_URL": True, "UV_FIND_LINKS": True, "NPM_CONFIG_REGISTRY": False, "YARN_NPM_REGISTRY_SERVER": False, "CONDA_CHANNEL_ALIAS": False,
    "PDM_PYPI_URL": False,
}  # fmt: skip
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}")
_LOCAL: Final = words_of(
    "models model checkpoints checkpoint ckpt ckpts data dataset datasets output outputs out results weights app workspace tmp mnt opt home root usr src scripts "
    "config configs cache build dist lib bin etc var runs logs saved saves export exports artifacts assets local"
)
_FILE = re.compile(
    r"\.(?:bin|pt|pth|ckpt|safetensors|gguf|onnx|json|ya?ml|txt|py|sh|toml|model|csv|jsonl|parquet|zip|tar|gz|tflite|engine|plan|pkl)$",
    re.IGNORECASE,
)
_REQUIREMENTS = re.compile(
    r"(?:^|/)(?:[\w.-]*(?:requirements|constraints)[\w.-]*\.(?:txt|in|pip)|requirements/[\w.-]+\.(?:txt|in))$", re.IGNORECASE
)
_HUB_URL = re.compile(r"https?://(?:[^@/\s]*@)?(?:www\.)?(?:huggingface\.co|hf\.co)/(datasets/|spaces/)?([\w.-]+/[\w.-]+?)(?:\.git)?/?$")


def facts(text: str, line: int, setting: Setting, variables: Mapping[str, str] | None = None) -> Iterator[Yield]:
    """The facts of all commands of a text that starts at `line`."""
    for command in commands(text, line, variables):
        yield from of_command(command, setting)


def looks_like_hub_id(text: str) -> bool:
    """Whether a word can be `organisation/name` on the hub and is no local path or file."""
    return bool(_HUB_ID.fullmatch(text)) and text.split("/", 1)[0].lower() not in _LOCAL and not _FILE.search(text)


def of_command(command: Command, setting: Setting) -> Iterator[Yield]:
    """The facts of one command."""
    at = 0
    while at < len(command) and (
        re.match(r"[A-Za-z_]\w*=", command[at].text) or command[at].text in ("env", "export", "declare", "readonly", "local")
    ):
        name, _, value = command[at].text.partition("=")
        yield from variable(name, value, command[at].line, setting)
        at += 1
    words = _unwrapped(command[at:])
    if not words:
        return
    program = words[0].text.rsplit("/", 1)[-1]
    if re.fullmatch(r"(?:pypy|python)[\d.]*", program) and len(words) > 2 and words[1].text == "-m":
        words = words[2:]
        program = words[0].text
    reader = _READERS.get(re.sub(r"[\d.]+$", "", program) if program.startswith("pip") and not program.startswith("pipx") else program)
    if reader is not None:
        yield from reader(words, setting)
    yield from _models(words, program, setting)


def _unwrapped(words: Command) -> Command:
    """Without runners in front of the command proper (`uv run`, `poetry run`, `accelerate launch` stay where they matter)."""
    while len(words) > 2 and (words[0].text.rsplit("/", 1)[-1], words[1].text) in (
        ("poetry", "run"),
        ("pdm", "run"),
        ("pipenv", "run"),
        ("hatch", "run"),
        ("rye", "run"),
    ):
        words = words[2:]
    if len(words) > 2 and words[0].text in ("conda", "mamba", "micromamba") and words[1].text == "run":
        at = 2
        while at < len(words) and words[at].text.startswith("-"):
            at += 2 if words[at].text in _CONDA_VALUES else 1
        words = words[at:]
    return words


def variable(name: str, value: str, line: int | None, setting: Setting) -> Iterator[Yield]:
    """What an environment variable says: an index of pip, uv or npm, or a model to load."""
    if not value:
        return
    if name.upper() in _INDEX_VARIABLES:
        for url in value.split():
            yield from emit.index(
                url.split("=", 1)[-1] if name == "UV_INDEX" else url,
                line,
                option=name,
                extra=_INDEX_VARIABLES[name.upper()],
                key=setting.key,
            )
    elif name.upper() in ("PIP_TRUSTED_HOST", "UV_INSECURE_HOST"):
        yield from emit.untrusted(value, line, name, setting.key)
    elif name.upper() in MODEL_VARIABLES and looks_like_hub_id(value):
        yield model_reference(Word(value, line or 1), setting, sure=emit.RANGED, exact_line=line)


# --- installers --------------------------------------------------------------------------------------------------------------------


def _pip(words: Command, setting: Setting) -> Iterator[Yield]:
    action = next((n for n, w in enumerate(words[1:], 1) if not w.text.startswith("-")), None)
    if action is not None and words[action].text in ("install", "download", "wheel", "sync", "compile"):
        names = words[action].text in ("install", "download", "wheel")
        yield from _python_packages([*words[1:action], *words[action + 1 :]], setting, names=names)


def _uv(words: Command, setting: Setting) -> Iterator[Yield]:
    plain = [w for w in words[1:] if not w.text.startswith("-")]
    action = plain[0].text if plain else ""
    rest = words[1:]
    if action in ("pip", "tool") and len(plain) > 1:
        at = rest.index(plain[1])
        if plain[1].text in ("install", "sync"):
            yield from _python_packages(rest[at + 1 :], setting, names=plain[1].text == "install")
        elif plain[1].text == "run":
            yield from _runner(rest[at:], setting)
    elif action == "add":
        yield from _python_packages(rest[rest.index(plain[0]) + 1 :], setting)
    elif action == "run":
        for n, word in enumerate(rest[:-1]):
            if word.text in ("--with", "-w"):
                yield from _requirements_list(rest[n + 1], setting)
            elif word.text.startswith("--with="):
                yield from _requirements_list(Word(word.text[7:], word.line), setting)


def _requirements_list(word: Word, setting: Setting) -> Iterator[Yield]:
    for part in re.split(r",(?![^\[]*\])", word.text) if "@" not in word.text and not re.search(r"[<>=!~].*,", word.text) else [word.text]:
        yield from _one(Word(part.strip(), word.line), setting)


def _runner(words: Command, setting: Setting) -> Iterator[Yield]:
    """`uvx NAME`, `pipx run NAME`: the package is the first plain word, or what `--from` says."""
    at, wanted = 1, None
    while at < len(words):
        word = words[at]
        if word.text in ("--from", "--spec") and at + 1 < len(words):
            wanted = words[at + 1]
            at += 2
        elif word.text == "--with" and at + 1 < len(words):
            yield from _requirements_list(words[at + 1], setting)
            at += 2
        elif word.text in _INDEX and at + 1 < len(words):
            yield from emit.index(words[at + 1].text, words[at + 1].line, option=word.text, extra=_INDEX[word.text], key=setting.key)
            at += 2
        elif word.text.startswith("-"):
            at += 2 if word.text in _PIP_VALUES else 1
        else:
            wanted = wanted or word
            break
    if wanted is not None:
        text = re.sub(r"^([\w.-]+(?:\[[^\]]*\])?)@(?=[\d v])", r"\1==", wanted.text)
        text = re.sub(r"^([\w.-]+)@latest$", r"\1", text)
        yield from _one(Word(text, wanted.line), setting)


def _pipx(words: Command, setting: Setting) -> Iterator[Yield]:
    if len(words) > 2 and words[1].text == "install":
        yield from _python_packages(words[2:], setting)
    elif len(words) > 2 and words[1].text == "run":
        yield from _runner(words[1:], setting)


def _adder(words: Command, setting: Setting) -> Iterator[Yield]:
    """`poetry add`, `pdm add`, `pipenv install`, `rye add`, `hatch`: names as pip takes them, with Poetry's `name@^1.0`."""
    if len(words) > 2 and words[1].text in ("add", "install"):
        text = [Word(re.sub(r"^([\w.-]+(?:\[[^\]]*\])?)@(?=[\d^~])", r"\1==", w.text), w.line) for w in words[2:]]
        yield from _python_packages([Word(w.text.replace("==^", ">=").replace("==~", "~="), w.line) for w in text], setting)


def _python_packages(words: Command, setting: Setting, *, names: bool = True) -> Iterator[Yield]:
    at = 0
    while at < len(words):
        word = words[at]
        option, eq, value = word.text.partition("=") if word.text.startswith("--") else (word.text, "", "")
        taken = Word(value, word.line) if eq else words[at + 1] if at + 1 < len(words) else None
        at += 1
        if not word.text.startswith("-") or word.text == "-":
            if names:
                yield from _one(word, setting)
            continue
        if len(word.text) > 2 and word.text[:2] in ("-r", "-c", "-e", "-i", "-f") and not word.text.startswith("--"):
            option, taken, eq = word.text[:2], Word(word.text[2:], word.line), "="
        if option in _INDEX or option in (
            "-r",
            "--requirement",
            "--requirements",
            "-c",
            "--constraint",
            "-e",
            "--editable",
            "--trusted-host",
            "--with",
            "--override",
        ):
            at += not eq
            if taken is not None:
                yield from _valued(option, taken, setting)
        elif option in _PIP_VALUES:
            at += not eq


def _valued(option: str, word: Word, setting: Setting) -> Iterator[Yield]:
    if option in _INDEX:
        yield from emit.index(word.text, word.line, option=option, extra=_INDEX[option], key=setting.key)
    elif option == "--trusted-host":
        yield from emit.untrusted(word.text, word.line, option, setting.key)
    elif option in ("-e", "--editable"):
        yield from emit.python(word.text, line=word.line, parser=setting.parser, scope=setting.scope, editable=True, key=setting.key)
    elif option == "--with":
        yield from _requirements_list(word, setting)
    elif not _REQUIREMENTS.search(word.text) and re.fullmatch(r"[\w.-][\w./-]*\.(?:txt|in|pip|lock|reqs?|list)", word.text):
        yield ReadAs(path=word.text, format="constraints" if option in ("-c", "--constraint") else "requirements", line=word.line)


def _one(word: Word, setting: Setting) -> Iterator[Yield]:
    """One requirement of a command line; a version that is a variable is left open, a name that is one cannot be read."""
    text = word.text.strip()
    if not text or text.startswith("-"):
        return
    if re.search(r"[$%{]", text) and "://" not in text:
        m = re.match(r"[A-Za-z0-9][\w.-]*(?:\[[\w.,-]*\])?(?=\s*[=<>~!])", text)
        if m is None:
            yield emit.trouble(f"what is installed is a variable: {text[:80]!r}", word.line)
            return
        text = m[0]
    yield from emit.python(text, line=word.line, parser=setting.parser, scope=setting.scope, key=setting.key)


def _conda(words: Command, setting: Setting) -> Iterator[Yield]:
    if len(words) < 3 or words[1].text not in ("install", "create", "update", "env"):
        return
    at = 2
    while at < len(words):
        word = words[at]
        option, eq, value = word.text.partition("=") if word.text.startswith("--") else (word.text, "", "")
        at += 1
        if option in ("-c", "--channel"):
            taken = value if eq else words[at].text if at < len(words) else ""
            at += not eq
            if "://" in taken:
                yield from emit.index(taken, word.line, option="--channel", extra=True, key=setting.key)
        elif option in ("-f", "--file"):
            taken = value if eq else words[at].text if at < len(words) else ""
            at += not eq
            if re.fullmatch(r"[\w.-][\w./-]*\.txt", taken) and not _REQUIREMENTS.search(taken):
                yield ReadAs(path=taken, format="conda-list", line=word.line)
        elif word.text.startswith("-"):
            at += not eq and option in _CONDA_VALUES
        elif words[1].text != "env":
            yield from conda(word.text, word.line, setting.parser, setting.scope, key=setting.key)


def conda(text: str, line: int | None, parser: str, scope: Scope, *, key: str | None = None) -> Iterator[Yield]:
    """The dependency that one conda match specification means (`channel::name=1.2=build`, `name >=1,<2`)."""
    text = re.split(r"\s+#", text.strip(), maxsplit=1)[0].strip()
    channel, sep, rest = text.rpartition("::")
    m = re.fullmatch(r"([\w.-]+?)(?:\[([^\]]*)\])?\s*((?:[=<>!~]|(?<=\s)[\d*]).*)?", rest.strip())
    if m is None or not re.fullmatch(r"[A-Za-z0-9_][\w.-]*", m[1]):
        yield emit.trouble(f"no match specification of conda: {text[:80]!r}", line)
        return
    specifier = (m[3] or "").strip()
    if m[2] and not specifier and (inner := re.search(r"version\s*=\s*['\"]?([^'\",\]]+)", m[2])):
        specifier = inner[1]
    yield emit.dependency(
        "conda", m[1], specifier, line=line, parser=parser, scope=scope, registry=channel if sep and "://" in channel else None, key=key
    )


def _apt(words: Command, setting: Setting) -> Iterator[Yield]:
    install = next((n for n, w in enumerate(words) if w.text in ("install", "add")), None)
    if install is None:
        return
    eco = "apk" if words[0].text.endswith("apk") else "deb"
    at = install + 1
    while at < len(words):
        word = words[at]
        at += 1
        if word.text.startswith("-"):
            at += word.text in _APT_VALUES or (eco == "apk" and word.text in ("--virtual", "--repository", "-X"))
            continue
        name, _, version = re.split(r"[<>~]", word.text)[0].partition("=")
        name = name.split("/")[0].removesuffix(":amd64").removesuffix(":arm64")
        if re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name) and not word.text.startswith(("/", "./")):
            yield emit.dependency(
                eco, name, f"={version}" if version else "", line=word.line, parser=setting.parser, scope=setting.scope, key=setting.key
            )


def _npm(words: Command, setting: Setting) -> Iterator[Yield]:
    plain = [w.text for w in words[1:3]]
    program = words[0].text
    if program == "npx" or (program in ("bunx", "pnpx")):
        yield from _npx(words, setting)
        return
    if not plain or plain[0] in ("dlx", "exec", "x"):
        if plain:
            yield from _npx(words[1:], setting)
        return
    start = 2 if plain[0] in ("install", "i", "add", "in", "isntall") else 3 if plain[:2] == ["global", "add"] else 0
    at = start
    while start and at < len(words):
        word = words[at]
        at += 1
        if word.text == "--registry" and at < len(words):
            yield from emit.index(words[at].text, word.line, option="--registry", key=setting.key)
        if word.text.startswith("--registry="):
            yield from emit.index(word.text[11:], word.line, option="--registry", key=setting.key)
        if word.text.startswith("-"):
            at += word.text in _NPM_VALUES
        else:
            yield from npm_word(word.text, word.line, setting)


def _npx(words: Command, setting: Setting) -> Iterator[Yield]:
    wanted: Word | None = None
    at = 1
    while at < len(words):
        word = words[at]
        at += 1
        if word.text in ("-p", "--package") and at < len(words):
            wanted = words[at]
            break
        if word.text.startswith("--package="):
            wanted = Word(word.text[10:], word.line)
            break
        if not word.text.startswith("-"):
            wanted = word
            break
    if wanted is not None:
        yield from npm_word(wanted.text, wanted.line, setting)


def npm_word(text: str, line: int | None, setting: Setting) -> Iterator[Yield]:
    """The dependency that a word of an npm command line means: `name`, `@scope/name@1.2`, `alias@npm:real@1`; paths and URLs are left."""
    m = re.fullmatch(r"(?:[\w@/.-]+@npm:)?((?:@[\w.~-]+/)?[A-Za-z0-9_~][\w.~-]*)(?:@([^\s@/:]*))?", text)
    if m and not text.startswith((".", "/")):
        version = m[2] or ""
        yield emit.dependency("npm", m[1], version, line=line, parser=setting.parser, scope=setting.scope, key=setting.key)


# --- models, data sets, images -----------------------------------------------------------------------------------------------------


def model_reference(
    word: Word,
    setting: Setting,
    *,
    version: str | None = None,
    attrs: tuple[tuple[str, str], ...] = (),
    kind: Kind = Kind.MODEL,
    sure: float | None = None,
    hub: str = "huggingface",
    exact_line: int | None = -1,
) -> Reference:
    """A model or data set that a word of a command names."""
    line = word.line if exact_line == -1 else exact_line
    place = emit.place(line, setting.confidence if sure is None else sure, setting.key)
    return Reference(kind=kind, name=word.text, role=Role.USED, version=version, hub=hub, attrs=attrs, evidence=place)


def _option(words: Command, *wanted: str) -> str | None:
    for n, word in enumerate(words):
        name, eq, value = word.text.partition("=")
        if name in wanted:
            return value if eq else words[n + 1].text if n + 1 < len(words) else None
    return None


def _hub_download(words: Command, setting: Setting) -> Iterator[Yield]:
    at = next((n for n, w in enumerate(words[:3]) if w.text in ("download", "snapshot-download", "repo-files")), None)
    if at is None:
        return
    target = next((w for w in words[at + 1 :] if not w.text.startswith("-")), None)
    kind = {"dataset": Kind.DATASET, "space": Kind.CODE}.get(_option(words, "--repo-type") or "model", Kind.MODEL)
    if target is not None and re.fullmatch(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?", target.text):
        yield model_reference(target, setting, version=_option(words, "--revision"), kind=kind)
    elif target is not None:
        yield emit.trouble(f"what is downloaded is a variable: {target.text[:80]!r}", target.line)


def _ollama(words: Command, setting: Setting) -> Iterator[Yield]:
    if len(words) > 2 and words[1].text in ("pull", "run") and re.fullmatch(r"[\w.:/-]+", words[2].text):
        name, _, tag = words[2].text.partition(":")
        on_hub = name.removeprefix("hf.co/") if name.startswith("hf.co/") else None
        word = Word(on_hub or name, words[2].line)
        yield model_reference(word, setting, version=tag or None, hub="huggingface" if on_hub else "ollama")


def _git(words: Command, setting: Setting) -> Iterator[Yield]:
    for word in words[1:]:
        if m := _HUB_URL.fullmatch(word.text):
            kind = {"datasets/": Kind.DATASET, "spaces/": Kind.CODE}.get(m[1] or "", Kind.MODEL)
            yield model_reference(Word(m[2], word.line), setting, version=_option(words, "-b", "--branch"), kind=kind)


def _docker(words: Command, setting: Setting) -> Iterator[Yield]:
    """`docker run IMAGE`, `docker pull IMAGE`: the first plain word that follows the options."""
    values = words_of("-v --volume -p --publish -e --env --name --network --gpus --shm-size -u --user -w --workdir --entrypoint --mount --env-file --ipc -h --platform "
                       "--memory -m --cpus --runtime --restart --hostname --add-host --label -l --ulimit --device --cap-add --security-opt --pull")  # fmt: skip
    at = 2 if len(words) > 1 and words[1].text in ("run", "pull", "create") else len(words)
    while at < len(words) and words[at].text.startswith("-"):
        at += 2 if words[at].text in values else 1
    if at < len(words):
        yield from emit.image(words[at].text, words[at].line, key=setting.key, attrs=(("command", "docker"),))
        yield from _models(words[at:], "", setting)


def _models(words: Command, program: str, setting: Setting) -> Iterator[Yield]:
    """Model and data set ids on a command line: `vllm serve X`, `--model X`, `pretrained=X`, hub URLs of `git clone`."""
    remote = any(w.text.replace("_", "-") in ("--trust-remote-code", "--trust-remote-code=true", "--trust-remote-code=True") for w in words)
    attrs: tuple[tuple[str, str], ...] = (("trust_remote_code", "true"),) if remote else ()
    revision = _option(words, "--revision", "--model-revision", "--model_revision")
    seen: set[str] = set()
    at = next((n for n, w in enumerate(words[:3]) if w.text in ("serve", "chat", "server", "api_server", "generate")), None)
    if at is not None and program in (
        "vllm",
        "trtllm-serve",
        "lmdeploy",
        "sglang",
        "mlx_lm",
        "openllm",
        "transformers",
        "transformers-cli",
        "llamafactory-cli",
        "tgi",
    ):
        plain = next((w for w in words[at + 1 :] if not w.text.startswith("-") and w.text not in ("api_server", "gradio", "chat")), None)
        if plain is not None and looks_like_hub_id(plain.text):
            seen.add(plain.text)
            yield model_reference(plain, setting, version=revision, attrs=attrs)
    for n, word in enumerate(words):
        option, eq, value = word.text.partition("=")
        kind = Kind.MODEL if option in _MODEL_OPTIONS else Kind.DATASET if option in _DATA_OPTIONS else None
        if kind is None:
            for inner in (
                re.finditer(r"(?:^|,)(?:pretrained|peft|tokenizer)=([^,\s]+)", word.text)
                if "=" in word.text and not word.text.startswith("-")
                else ()
            ):
                if looks_like_hub_id(inner[1]) and inner[1] not in seen:
                    seen.add(inner[1])
                    yield model_reference(Word(inner[1], word.line), setting, attrs=attrs)
            continue
        found = Word(value, word.line) if eq else words[n + 1] if n + 1 < len(words) else None
        name, _, tail = found.text.partition(":") if found is not None else ("", "", "")
        if found is not None and looks_like_hub_id(name) and name not in seen and not tail.startswith("/"):
            seen.add(name)
            version = revision if option in ("--model", "--model-id", "--model-path", "--model_name_or_path") else None
            yield model_reference(Word(name, found.line), setting, version=version, kind=kind, attrs=attrs if kind is Kind.MODEL else ())


_READERS: Final = {
    "pip": _pip, "uv": _uv, "uvx": _runner, "pipx": _pipx, "poetry": _adder, "pdm": _adder, "pipenv": _adder, "rye": _adder,
    "conda": _conda, "mamba": _conda, "micromamba": _conda, "apt-get": _apt, "apt": _apt, "aptitude": _apt, "apk": _apt, "npm": _npm, "pnpm": _npm, "yarn": _npm,
    "bun": _npm, "npx": _npm, "bunx": _npm, "pnpx": _npm, "hf": _hub_download, "huggingface-cli": _hub_download, "ollama": _ollama, "git": _git, "docker": _docker,
    "podman": _docker, "nerdctl": _docker,
}  # fmt: skip
