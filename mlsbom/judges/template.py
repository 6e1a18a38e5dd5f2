"""Whether a Jinja template does more than lay out text: judged on its syntax tree, with constants folded here and nothing rendered.

The loader of reference is an unsandboxed environment. Severities: specs of model files, section 7.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from mlsbom.errors import TooLarge
from mlsbom.judges import template_names as names
from mlsbom.judges.template_fold import Folder
from mlsbom.judges.template_tree import parse, walk, walk_all
from mlsbom.model import Confidence, Rule, Severity
from mlsbom.patterns import late

if TYPE_CHECKING:
    from jinja2 import nodes

SIZE_LIMIT: Final = 1 << 20
LARGE: Final = 256 << 10
LITERAL: Final = 32 << 10
"""Characters of literal text beyond which a chat template floods every prompt; published ones have below 20,000 in all."""
REPEAT: Final = 1_000_000

INTROSPECTION = Rule(id="TEMPLATE-INTROSPECTION", title="A template reaches into Python objects", severity=Severity.HIGH)
LOAD = Rule(id="TEMPLATE-LOAD", title="A template loads another file", severity=Severity.HIGH)
CALL = Rule(id="TEMPLATE-DANGEROUS-CALL", title="A template calls a function that runs code or opens files", severity=Severity.CRITICAL)
UNFOLDABLE = Rule(
    id="TEMPLATE-UNFOLDABLE-ATTR", title="A template builds the name of an attribute from its input", severity=Severity.MEDIUM
)
DOS = Rule(id="TEMPLATE-DOS", title="A template can be rendered only at great cost", severity=Severity.MEDIUM)
CONDITIONAL = Rule(
    id="TEMPLATE-CONDITIONAL-PAYLOAD", title="A template adds text where a message holds a trigger word", severity=Severity.MEDIUM
)
SECOND = Rule(id="TEMPLATE-VARIANT", title="A model carries several templates that differ", severity=Severity.LOW)
RULES: Final = (INTROSPECTION, LOAD, CALL, UNFOLDABLE, DOS, CONDITIONAL, SECOND)

_FIELD = late(r"\{[^{}]*?[.\[]([^{}]*)\}")
_TRIGGERED = late(r"https?://|www\.|<script|\[[^\]]{3,}\]\(", re.I)
_INSTRUCTS = late(
    r"\b(?:ignore|disregard|always|never|must|instead|recommend|visit|click|run|execute|download|install|insert|include|reveal|send|password|secret)\b",
    re.I,
)


class Hit(Struct, frozen=True):
    """What a rule found in a template: text free of lines, and the line."""

    rule: Rule
    because: str
    line: int
    severity: Severity | None = None
    sure: Confidence = Confidence.HIGH


class Judgement(Struct):
    """`hits` in source order, once each; `variables`: names that the template takes from outside."""

    hits: list[Hit] = field(default_factory=list)
    variables: tuple[str, ...] = ()


def judge(source: str, *, chat: bool = True) -> Judgement:
    """Judge one template. `chat`: it is a chat template, so that `request` and `config` mean the host's objects, and length counts.

    Raises TooLarge over 1 MiB (the finding TEMPLATE-DOS is the caller's to add) and Malformed with the line where it is no template.
    """
    if len(source) > SIZE_LIMIT:
        raise TooLarge(f"a template of {len(source)} characters")
    return _Judge(source, chat).run(parse(source))


class _Judge:
    def __init__(self, source: str, chat: bool) -> None:
        self.source = source
        self.chat = chat
        self.out = Judgement()
        self.seen: set[tuple[str, str]] = set()
        self.turns: dict[int, int] = {}  # of loops, by identity

    def run(self, tree: nodes.Template) -> Judgement:
        from jinja2 import nodes

        self.folder = Folder(tree)
        own = self.folder.bound
        taken: set[str] = set()
        literal = 0
        for node in walk(tree):
            match node:
                case nodes.Getattr():
                    self._name(node.attr, node, node.node)
                case nodes.Getitem():
                    self._subscript(node)
                case nodes.Filter() | nodes.Test():
                    self._filter(node)
                case nodes.Include() | nodes.Import() | nodes.FromImport() | nodes.Extends():
                    self._load(node)
                case nodes.Call():
                    self._call(node)
                case nodes.Mul():
                    self._repetition(node)
                case nodes.For():
                    self._loop(node)
                case nodes.Macro():
                    self._macro(node)
                case nodes.If():
                    self._condition(node)
                case nodes.TemplateData():
                    literal += len(node.data)
                case nodes.Name(name=name, ctx="load"):
                    if name not in own:
                        taken.add(name)
                        if names.DUNDER.fullmatch(name):
                            self._hit(INTROSPECTION, f"the name {name}", node)
        if len(self.source) > LARGE or (self.chat and literal > LITERAL):
            self._hit(DOS, "a template of absurd length", tree)
        self.out.variables = tuple(sorted(taken))
        self.out.hits.sort(key=lambda h: (h.line, h.rule.id, h.because))
        return self.out

    def _hit(
        self, rule: Rule, because: str, node: nodes.Node, severity: Severity | None = None, sure: Confidence = Confidence.HIGH
    ) -> None:
        if (rule.id, because) not in self.seen and len(self.seen) < 50:
            self.seen.add((rule.id, because))
            self.out.hits.append(Hit(rule, because[:300], node.lineno or 1, severity, sure))

    def _name(self, name: str, node: nodes.Node, base: nodes.Node | None) -> None:
        """An attribute or subscript of this constant name on `base`."""
        from jinja2 import nodes

        for part in name.split("."):
            if names.DUNDER.fullmatch(part) or part in names.INNER:
                self._hit(INTROSPECTION, f"attribute {part}", node)
                return
        if not isinstance(base, nodes.Name) or base.name in self.folder.bound:
            return
        own = names.OWN.get(base.name)
        if (
            own is not None
            and name not in own
            and (self.chat or base.name not in names.HOST)
            and not (base.name == "self" and name in self.folder.blocks)
        ):
            self._hit(INTROSPECTION, f"attribute {name} of {base.name}", node)
        elif base.name in names.MODULES and (self.chat or name in names.RUNS):
            self._hit(INTROSPECTION, f"attribute {name} of module {base.name}", node)

    def _load(self, node: nodes.Include | nodes.Import | nodes.FromImport | nodes.Extends) -> None:
        """A chat template stands alone; other templates may share parts that lie beside them."""
        paths = [str(v) for v in self.folder.values(node.template)]
        inside = bool(paths) and not self.chat and not any(re.match(r"[/~\\]|[A-Za-z]:|\w+://", p) or ".." in p for p in paths)
        what = type(node).__name__.lower()
        self._hit(LOAD, f"{what} of {paths[0]!r}" if paths else f"{what} of a computed name", node, Severity.LOW if inside else None)

    def _subscript(self, node: nodes.Getitem) -> None:
        found = self.folder.values(node.arg)
        for value in found:
            if isinstance(value, str):
                self._name(value, node, node.node)
        if not found and self.folder.is_built(node.arg):
            self._hit(UNFOLDABLE, "a subscript whose name is put together from input", node, sure=Confidence.MEDIUM)

    def _filter(self, node: nodes.Filter | nodes.Test) -> None:
        args = list(node.args)
        if node.name in ("map", "select", "reject") and args and "attr" in self.folder.values(args[0]):
            self._attribute(args[1] if len(args) > 1 else None, node)
        elif node.name == "attr":
            self._attribute(args[0] if args else None, node, strict=True)
        elif node.name in names.ATTRIBUTE_FILTERS:
            named = [k.value for k in node.kwargs if k.key == "attribute"]
            if node.name in ("selectattr", "rejectattr", "groupby", "sum", "unique", "min", "max", "sort"):
                named += args[:1] if node.name in ("selectattr", "rejectattr", "groupby") else args[:2]
            for one in named:
                self._attribute(one, node)
        elif node.name == "format" and node.node is not None:
            self._format(node.node, node)

    def _attribute(self, arg: nodes.Node | None, node: nodes.Node, *, strict: bool = False) -> None:
        found = self.folder.values(arg) if arg is not None else []
        for value in found:
            if isinstance(value, str):
                self._name(value, node, None)
        if arg is not None and not found and (strict or self.folder.is_built(arg)):
            self._hit(UNFOLDABLE, "an attribute whose name comes from input", node, sure=Confidence.MEDIUM)

    def _format(self, template: nodes.Node, node: nodes.Node) -> None:
        for text in self.folder.values(template):
            for fields in _FIELD.findall(text) if isinstance(text, str) else ():
                for part in re.split(r"[.\[\]]+", fields):
                    self._name(part, node, None)

    def _call(self, node: nodes.Call) -> None:
        from jinja2 import nodes

        func = node.node
        name, base = "", None
        if isinstance(func, nodes.Name):
            if func.name in names.BARE and func.name not in self.folder.bound:
                self._hit(CALL, f"call of {func.name}", node)
            elif func.name == "range":
                self._range(node)
            return
        if isinstance(func, nodes.Getattr):
            name, base = func.attr, func.node
        elif isinstance(func, nodes.Getitem):
            name, base = next((v for v in self.folder.values(func.arg) if isinstance(v, str)), ""), func.node
        elif isinstance(func, nodes.Filter) and func.name == "attr" and func.args:
            name, base = next((v for v in self.folder.values(func.args[0]) if isinstance(v, str)), ""), func.node
        if name in ("format", "format_map") and base is not None:
            self._format(base, node)
        if name in names.RUNS and base is not None and self._reaches(base, name):
            self._hit(CALL, f"call of {name}", node)

    def _reaches(self, base: nodes.Node, name: str) -> bool:
        """Whether the base of a call is a way into the interpreter: introspection, a module's name, or a name that only runs commands."""
        from jinja2 import nodes

        for part in walk(base):
            if isinstance(part, nodes.Getattr) and (
                names.DUNDER.fullmatch(part.attr) or part.attr in names.MODULES or part.attr in names.INNER
            ):
                return True
            if (
                isinstance(part, nodes.Name)
                and (part.name in names.MODULES or names.DUNDER.fullmatch(part.name))
                and part.name not in self.folder.bound
            ):
                return True
            if isinstance(part, nodes.Name) and any(
                b is not base and self.folder.tainted(b) for b in self.folder.bindings.get(part.name, ())
            ):
                return True
            if (
                isinstance(part, nodes.Const)
                and isinstance(part.value, str)
                and (names.DUNDER.fullmatch(part.value) or part.value in names.MODULES)
            ):
                return True
        return name in ("popen", "Popen", "check_output", "import_module", "__import__", "create_subprocess_shell")

    def _range(self, node: nodes.Call) -> None:
        numbers = [max((v for v in self.folder.values(a) if isinstance(v, int)), default=0, key=abs) for a in node.args[:3]]
        span = abs((numbers[1] - numbers[0]) if len(numbers) > 1 else numbers[0]) if numbers else 0
        if span // max(1, abs(numbers[2]) if len(numbers) > 2 else 1) > REPEAT:
            self._hit(DOS, f"a range of {span}", node)

    def _loop(self, node: nodes.For) -> None:
        """Nested constant loops multiply; of several that stand beside each other, the longest counts."""
        if self._turns(node) > REPEAT:
            self._hit(DOS, "nested loops over constants", node)

    def _turns(self, loop: nodes.For) -> int:
        """How often the innermost body of a loop runs, at most. A loop that depends on input counts once."""
        from jinja2 import nodes

        if id(loop) not in self.turns:
            inner = [self._turns(n) for n in walk_all(loop.body) if isinstance(n, nodes.For)]
            self.turns[id(loop)] = max(1, self.folder.length(loop.iter)) * max(inner, default=1)
        return self.turns[id(loop)]

    def _repetition(self, node: nodes.Mul) -> None:
        for left, right in ((node.left, node.right), (node.right, node.left)):
            count = max((v for v in self.folder.values(right) if isinstance(v, int) and not isinstance(v, bool)), default=0)
            if count > REPEAT and any(isinstance(v, (str, list)) for v in self.folder.values(left)):
                self._hit(DOS, f"a repetition of {count}", node)

    def _macro(self, node: nodes.Macro) -> None:
        """A macro that calls itself with no condition in between never ends."""
        from jinja2 import nodes

        todo: list[nodes.Node] = list(node.body)
        while todo:
            part = todo.pop()
            if isinstance(part, (nodes.If, nodes.CondExpr, nodes.For)):
                continue
            if isinstance(part, nodes.Call) and isinstance(part.node, nodes.Name) and part.node.name == node.name:
                self._hit(DOS, f"macro {node.name} calls itself without a condition", node)
                return
            todo.extend(part.iter_child_nodes())

    def _condition(self, node: nodes.If) -> None:
        """Text that appears only where the content of a message holds a plain word."""
        from jinja2 import nodes

        for test in walk(node.test):
            words: list[Any] = []
            if isinstance(test, nodes.Compare) and test.ops and test.ops[0].op in ("in", "eq"):
                sides = (test.expr, test.ops[0].expr) if test.ops[0].op == "in" else (test.ops[0].expr, test.expr)
                words = self.folder.values(sides[0]) if self._is_content(sides[1]) else []
            elif (
                isinstance(test, nodes.Call)
                and isinstance(test.node, nodes.Getattr)
                and test.node.attr in ("startswith", "endswith", "find", "count")
            ):
                words = self.folder.values(test.args[0]) if test.args and self._is_content(test.node.node) else []
            trigger = next(
                (w for w in words if isinstance(w, str) and re.fullmatch(r"[\w .,'!?-]{3,}", w) and not re.fullmatch(r"[A-Z_]+", w)), None
            )
            if trigger is None:
                continue
            for part in walk_all(node.body):
                text = part.data if isinstance(part, nodes.TemplateData) else part.value if isinstance(part, nodes.Const) else ""
                if isinstance(text, str) and (_TRIGGERED.search(text) or (len(text) >= 25 and _INSTRUCTS.search(text))):
                    self._hit(CONDITIONAL, f"text that is added where a message holds {trigger!r}", node, sure=Confidence.MEDIUM)
                    return

    def _is_content(self, node: nodes.Node) -> bool:
        from jinja2 import nodes

        for part in walk(node):
            if isinstance(part, nodes.Getattr) and part.attr in ("content", "text"):
                return True
            if isinstance(part, nodes.Getitem) and {"content", "text"} & {v for v in self.folder.values(part.arg) if isinstance(v, str)}:
                return True
            if isinstance(part, nodes.Name) and part.name in ("content", "text", "prompt", "query", "question", "input"):
                return True
            if isinstance(part, nodes.Name) and any(
                isinstance(b, (nodes.Getattr, nodes.Getitem))
                and getattr(b, "attr", getattr(getattr(b, "arg", None), "value", "")) == "content"
                for b in self.folder.bindings.get(part.name, ())
            ):
                return True
        return False
