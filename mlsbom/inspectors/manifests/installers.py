"""What installers install: pip, uv, pipx, Poetry and its kin, conda, apt, apk, npm and its kin, from the words of one command.

Tables say which options take a value; an unknown option takes none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from mlsbom.inspectors import ReadAs, Yield
from mlsbom.inspectors.manifests import emit
from mlsbom.inspectors.manifests.shell import Command, Word
from mlsbom.model import Scope
from mlsbom.patterns import late


def words_of(text: str) -> frozenset[str]:
    """A table of words."""
    return frozenset(text.split())


class Setting(Struct, frozen=True, kw_only=True):
    """How the facts of a script are marked."""

    parser: str
    scope: Scope
    key: str | None = None
    confidence: float = emit.PINNED


_PIP_VALUES: Final = words_of(
    "-t --target --prefix --root --platform --python-version --implementation --abi --upgrade-strategy --no-binary --only-binary "
    "--progress-bar --proxy --retries --timeout --default-timeout --exists-action --cert --client-cert --cache-dir --log --src "
    "--report -C --config-settings --config-setting --global-option --build-option --install-option --hash -p --python "
    "--root-user-action --use-feature --use-deprecated --keyring-provider --torch-backend --index-strategy --resolution --prerelease "
    "--exclude-newer --link-mode --group --extra --no-build-package --only-binary-package --reinstall-package --upgrade-package -P "
    "--refresh-package --allow-insecure-host --directory --project --config-file -w --with-editable --optional --bounds --branch "
    "--tag --rev --env-file --pip-args --suffix -G --source"
)
_INDEX: Final = {
    "-i": False,
    "--index-url": False,
    "--pypi-url": False,
    "--default-index": False,
    "--extra-index-url": True,
    "--index": True,
    "-f": True,
    "--find-links": True,
}
CONDA_VALUES: Final = words_of("-n --name -p --prefix -r --root-prefix --platform --repodata-fn --solver -m --mount --experimental")
_APT_VALUES: Final = words_of(
    "-t --target-release --default-release -o --option -c --config-file -a --host-architecture --allow-repository"
)
_NPM_VALUES: Final = words_of(
    "--prefix -C --cwd --dir --registry --tag -w --workspace --filter -F --loglevel --cache --omit --include --fetch-timeout"
)
_REQUIREMENTS = late(
    r"(?:^|/)(?:[\w.-]*(?:requirements|constraints)[\w.-]*\.(?:txt|in|pip)|requirements/[\w.-]+\.(?:txt|in))$", re.IGNORECASE
)


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
            at += not eq and option in CONDA_VALUES
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


READERS: Final = {
    **dict.fromkeys(("pip",), _pip),
    **dict.fromkeys(("uv",), _uv),
    **dict.fromkeys(("uvx",), _runner),
    **dict.fromkeys(("pipx",), _pipx),
    **dict.fromkeys(("poetry", "pdm", "pipenv", "rye"), _adder),
    **dict.fromkeys(("conda", "mamba", "micromamba"), _conda),
    **dict.fromkeys(("apt-get", "apt", "aptitude", "apk"), _apt),
    **dict.fromkeys(("npm", "pnpm", "yarn", "bun", "npx", "bunx", "pnpx"), _npm),
}
"""Readers by the name of the program."""
