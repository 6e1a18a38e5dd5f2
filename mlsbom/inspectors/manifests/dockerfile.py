"""Dockerfiles and Containerfiles: the images they stand on, what they install, download and serve."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.formats import dockerfile
from mlsbom.formats.dockerfile import Instruction
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import commands, emit, models
from mlsbom.inspectors.manifests.installers import Setting
from mlsbom.inspectors.manifests.requirements import line_facts, logical_lines
from mlsbom.inspectors.manifests.shell import Word
from mlsbom.model import Rule, Scope, Statement
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = emit.RULES
SETTING = Setting(parser="dockerfile", scope=Scope.IMAGE)
_SCRIPT = late(r"(?:ba|da|z)?sh\b|$")
_PYTHON = late(r"python[\d.]*\b")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The facts of all instructions, in order, with the variables known at each."""
    document = blob.parsed(dockerfile.read)
    before: dict[str, str] = {}  # ARGs above the first FROM: for FROM alone
    known: dict[str, str] = {}
    stages: dict[int, dict[str, str]] = {}  # a stage that stands on another has its variables
    seen_from = False
    for one in document.instructions:
        context.budget.check()
        if one.name == "FROM":
            words = one.text.split()
            parent = document.stages.get(words[0].lower()) if words else None
            seen_from, known = True, dict(stages.get(parent, {}) if parent is not None else {})
            stages[one.stage] = known
            yield from _from(one, document, before)
        elif one.name in ("ARG", "ENV"):
            for name, value, line in dockerfile.pairs(one):
                value = dockerfile.substitute(value, known if seen_from else before)
                (known if seen_from else before)[name] = value or before.get(name, "")
                yield from commands.variable(name, value, line, SETTING)
        elif one.name in ("RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"):
            yield from _command(one, known)
        elif one.name in ("COPY", "ADD"):
            yield from _copy(one, document, known)
        elif one.name == "EXPOSE":
            ports = dockerfile.substitute(one.text, known).split()
            yield Statement(
                field="infrastructure", value=f"exposes {' '.join(ports)}"[:200], about="root", evidence=emit.place(one.line, emit.PINNED)
            )
    if document.cut:
        yield emit.trouble(f"more than {dockerfile.INSTRUCTIONS} instructions")
    if not seen_from:
        yield emit.trouble("a Dockerfile without FROM")


def _from(one: Instruction, document: dockerfile.Document, before: dict[str, str]) -> Iterator[Yield]:
    words = dockerfile.substitute(one.text, before).split()
    if not words:
        yield emit.trouble("FROM without an image", one.line)
        return
    stage = document.stages.get(words[0].lower())
    if stage is not None and stage < one.stage:
        return
    if "$" in words[0]:
        yield emit.trouble(f"the base image is a variable without a default: {words[0][:80]!r}", one.line)
        return
    yield from emit.image(words[0], one.line, attrs=(("use", "base"),))


def _copy(one: Instruction, document: dockerfile.Document, known: dict[str, str]) -> Iterator[Yield]:
    """`COPY --from=IMAGE`, and here-documents that write a requirements file."""
    image = dockerfile.substitute(one.flag("--from") or "", known)
    if image and not image.isdigit() and image.lower() not in document.stages and re.search(r"[/:@]", image):
        yield from emit.image(image, one.line, attrs=(("use", "copy"),))
    target = one.text.split()[-1] if one.text.split() else ""
    for _, line, body in one.heredocs:
        if re.search(r"requirements[\w.-]*\.(?:txt|in)$", target):
            for number, row in logical_lines(body):
                yield from line_facts(row, line + number - 1, "dockerfile", Scope.IMAGE)


def _command(one: Instruction, known: dict[str, str]) -> Iterator[Yield]:
    if one.words is not None:
        cursor = emit.Cursor(one.text)
        words = [Word(dockerfile.substitute(w, known), one.line + (cursor.quoted(w) or 1) - 1) for w in one.words]
        if len(words) == 3 and _SCRIPT.match(words[0].text.rsplit("/", 1)[-1]) and re.fullmatch(r"-\w*c", words[1].text):
            yield from commands.facts(words[2].text, words[2].line, SETTING, known)
        elif words:
            yield from commands.of_command(words, SETTING)
        return
    for flag, value in one.flags:
        if flag == "--mount" and (m := re.search(r"(?:^|,)from=([^,]+)", value)) and re.search(r"[/:]", m[1]):
            yield from emit.image(m[1], one.line, attrs=(("use", "mount"),))
    for number, (_, line, body) in enumerate(one.heredocs):
        first = body.lstrip().split("\n", 1)[0]
        runner = first[2:].strip() if first.startswith("#!") else one.text.strip().split("<<", 1)[0].strip() if number == 0 else ""
        if _PYTHON.search(runner):
            yield from models.in_code(body, line, SETTING)
        else:
            yield from commands.facts(body, line, SETTING, known)
    text = one.text
    if one.name == "HEALTHCHECK":
        text = re.sub(r"^\s*CMD\b", "", text)
    # The breaks that ended in an escape were joined by the format's reader; the shell's reader sees them as spaces, line by line.
    joined = re.sub(r"<<-?\s*['\"]?\w+['\"]?", " ", text).replace("\n", "\\\n") if one.name != "SHELL" else ""
    yield from commands.facts(joined, one.line, SETTING, known)
