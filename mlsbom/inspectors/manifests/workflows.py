"""GitHub workflows and composite actions, GitLab and other pipelines: actions, images, and what steps install."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import yaml
from mlsbom.formats.yaml import Node
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import commands, emit
from mlsbom.inspectors.manifests.installers import Setting
from mlsbom.model import Rule, Scope
from mlsbom.packages.specifiers import commit
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = emit.RULES
SETTING = Setting(parser="workflow", scope=Scope.DEV)
_ACTION = late(r"([\w.-]+/[\w.-]+)((?:/[\w./-]+)?)@(\S+)")
_EXPRESSION = late(r"\$\{\{.*?\}\}", re.DOTALL)
_SCRIPTS = frozenset({"run", "script", "before_script", "after_script", "bash", "install", "commands", "inlineScript"})
_IMAGES = frozenset({"image", "container"})


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The facts of one pipeline file."""
    base = (context.member or context.path).rsplit("/", 1)[-1].lower().replace(".yml", ".yaml")
    for document in blob.parsed(yaml.read):
        if document.bomb:
            raise Malformed("aliases expand to more values than a document means: a bomb")
        for path, node in yaml.walk(document.root):
            context.budget.check()
            if node.kind == "mapping":
                if base == "cloudbuild.yaml" and path[:1] == ("steps",) and len(path) == 2:
                    yield from _build_step(node)
                for key, value in node.value:
                    if key.kind == "scalar":
                        yield from _pair(node, key.value, value, ".".join((*path, key.value)))


def _pair(node: Node, key: str, value: Node, where: str) -> Iterator[Yield]:
    if key == "uses" and value.kind == "scalar":
        yield from _uses(value, where)
    elif key in _SCRIPTS:
        shell = node.get("shell")
        if shell is not None and shell.kind == "scalar" and re.match(r"python|pwsh|powershell|node", str(shell.value)):
            return
        for item in value.value if value.kind == "sequence" else [value]:
            if item.kind == "scalar":
                text = _EXPRESSION.sub("${EXPRESSION}", str(item.value))
                first = item.line + (0 if item.plain or "\n" not in text else 1)
                yield from commands.facts(text, first, Setting(parser=SETTING.parser, scope=SETTING.scope, key=where))
    elif key == "services" and value.kind == "sequence":
        for item in value.value:
            if item.kind == "scalar" and "$" not in item.value:
                yield from emit.image(item.value, item.line, attrs=(("use", "ci"),), key=where)
    elif key in _IMAGES:
        image = value.get("image") or value.get("name") if value.kind == "mapping" else value
        if (
            image is not None
            and image.kind == "scalar"
            and "$" not in image.value
            and re.fullmatch(r"[\w.-]+(?:[:/@][\w.:/@-]+)+", image.value)
        ):
            yield from emit.image(image.value, image.line, attrs=(("use", "ci"),), key=where)
    elif key in ("env", "variables") and value.kind == "mapping":
        for name, one in value.value:
            if name.kind == "scalar" and one.kind == "scalar" and "$" not in one.value:
                yield from commands.variable(name.value, one.value, one.line, SETTING)


def _build_step(step: Node) -> Iterator[Yield]:
    """A step of Cloud Build: the image that it runs in, and the command line that a shell is given."""
    name, args = step.get("name"), step.get("args")
    if name is not None and name.kind == "scalar" and "$" not in name.value:
        yield from emit.image(name.value, name.line, attrs=(("use", "ci"),), key="steps.name")
    words = [a for a in args.value if a.kind == "scalar"] if args is not None and args.kind == "sequence" else []
    if len(words) > 1 and re.fullmatch(r"-\w*c", str(words[0].value)):
        first = words[1].line + (0 if words[1].plain or "\n" not in str(words[1].value) else 1)
        yield from commands.facts(str(words[1].value), first, SETTING)


def _uses(value: Node, where: str) -> Iterator[Yield]:
    text = str(value.value).strip()
    if text.startswith("docker://"):
        yield from emit.image(text, value.line, attrs=(("use", "ci"),), key=where)
    elif text.startswith("./"):
        return
    elif m := _ACTION.fullmatch(text):
        pinned = commit(m[3])
        yield emit.dependency(
            "github-actions",
            m[1],
            m[3],
            line=value.line,
            parser="workflow",
            scope=Scope.DEV,
            resolved=pinned,
            source="vcs",
            ref=text,
            key=where,
        )
    else:
        yield emit.trouble(f"an action that cannot be read: {text[:80]!r}", value.line)
