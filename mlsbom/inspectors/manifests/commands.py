"""The facts of commands, wherever they stand: shell scripts, images, workflows, notebooks, configurations of agents.

`facts` takes text; `of_command` one command; `variable` an environment variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from mlsbom.inspectors import Yield
from mlsbom.inspectors.manifests import emit, installers, models
from mlsbom.inspectors.manifests.installers import Setting, words_of
from mlsbom.inspectors.manifests.models import MODEL_VARIABLES, in_code, looks_like_hub_id, model_reference, served
from mlsbom.inspectors.manifests.shell import Command, Word, commands
from mlsbom.model import Kind, Reference, Role
from mlsbom.patterns import late

_INDEX_VARIABLES: Final = {
    "PIP_INDEX_URL": False,
    "PIP_EXTRA_INDEX_URL": True,
    "PIP_FIND_LINKS": True,
    "UV_INDEX_URL": False,
    "UV_DEFAULT_INDEX": False,
    "UV_INDEX": True,
    "UV_EXTRA_INDEX_URL": True,
    "UV_FIND_LINKS": True,
    "NPM_CONFIG_REGISTRY": False,
    "YARN_NPM_REGISTRY_SERVER": False,
    "CONDA_CHANNEL_ALIAS": False,
    "PDM_PYPI_URL": False,
}
_ENDPOINT = late(
    r"(?!.*(?:DOCS?|HOME|HOMEPAGE|SITE|FRONTEND|CALLBACK|REDIRECT|LOGO|ICON|DOWNLOAD|SOURCE|RELEASE|REPO|GIT)_)"
    r"(?:\w+_)?(?:URL|URI|API_BASE|BASE|HOST|ENDPOINT|SERVER|WEBHOOK|DSN)$"
)
_TELEMETRY = late(r"OTEL|OTLP|SENTRY|TRACKING|TELEMETRY|LANGFUSE|LANGSMITH|WANDB|POSTHOG")
_URL = late(r"https?://(?:[^@/\s]*@)?([\w.-]+)(?::\d+)?(?:[/?#]\S*)?$")
_LOCAL_HOST = late(r"127\.[\d.]+|0\.0\.0\.0|.*\.(?:local|internal|svc|localhost)|.*\.svc\.cluster\.local")


def facts(text: str, line: int, setting: Setting, variables: Mapping[str, str] | None = None) -> Iterator[Yield]:
    """The facts of all commands of a text that starts at `line`."""
    for command in commands(text, line, variables):
        yield from of_command(command, setting)


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
    yield from served(words, program, setting)
    if re.fullmatch(r"python[\d.]*", program) and len(words) > 2 and words[1].text == "-c":
        yield from in_code(words[2].text, words[2].line, setting)


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
            at += 2 if words[at].text in installers.CONDA_VALUES else 1
        words = words[at:]
    return words


def variable(name: str, value: str, line: int | None, setting: Setting) -> Iterator[Yield]:
    """What an environment variable says: an index of pip, uv or npm, a model to load, an endpoint to call."""
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
    elif _ENDPOINT.match(name.upper()) and (m := _URL.match(value)) and "." in m[1] and not _LOCAL_HOST.fullmatch(m[1]):
        shown = emit.without_credentials(value)[0]
        yield from emit.credentials(value, line, setting.key)
        role = Role.TELEMETRY if _TELEMETRY.search(name.upper()) else Role.CALLS
        place = emit.place(line, emit.PINNED, setting.key)
        yield Reference(kind=Kind.SERVICE, name=m[1].lower(), role=role, url=shown, attrs=(("variable", name),), evidence=place)
    elif name.upper() in MODEL_VARIABLES and looks_like_hub_id(value):
        yield model_reference(Word(value, line or 1), setting, sure=emit.RANGED, exact_line=line)


def _docker(words: Command, setting: Setting) -> Iterator[Yield]:
    """`docker run IMAGE`, `docker pull IMAGE`: the first plain word that follows the options."""
    values = words_of(
        "-v --volume -p --publish -e --env --name --network --gpus --shm-size -u --user -w --workdir --entrypoint --mount --env-file "
        "--ipc -h --platform --memory -m --cpus --runtime --restart --hostname --add-host --label -l --ulimit --device --cap-add "
        "--security-opt --pull"
    )
    at = 2 if len(words) > 1 and words[1].text in ("run", "pull", "create") else len(words)
    while at < len(words) and words[at].text.startswith("-"):
        at += 2 if words[at].text in values else 1
    if at < len(words):
        yield from emit.image(words[at].text, words[at].line, key=setting.key, attrs=(("command", "docker"),))
        yield from served(words[at:], "", setting)


_READERS: Final = {**installers.READERS, **models.READERS, "docker": _docker, "podman": _docker, "nerdctl": _docker}
