"""What a callable is to whoever loads a file: the four import classes, by exact names of the packs under `signatures/pickle/`.

Pickles, skops nodes, Keras modules and instantiation targets all ask here. Nothing is imported, so that a verdict depends on the name and
the packs alone. Specification of model files, section 2.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from mlsbom.knowledge import Packs

_HARMLESS_DUNDERS: Final = frozenset({"__main__", "__builtin__", "__torch__", "__mp_main__"})


class Kind(StrEnum):
    """The import classes: K data, S state, D dangerous (and its dual tier), U unknown."""

    DATA = "data"
    STATE = "state"
    DANGEROUS = "dangerous"
    DUAL = "dual"
    UNKNOWN = "unknown"


class Judgement(Struct, frozen=True, kw_only=True):
    """What a name is. `name`: normalised, with its module; `listed`: it stands in a pack itself; `traversal`: it reaches through a trusted
    module or a dunder; `code`: it makes code objects or functions from bytes; `why`: one clause. `closed`: its module is covered whole
    (`standard`: Python's own; `package`), and honest files do not call what is not listed.
    """

    kind: Kind
    name: str
    listed: bool = False
    closed: str = ""
    traversal: bool = False
    code: bool = False
    why: str = ""

    @property
    def good(self) -> bool:
        """Whether it is known to be harmless to call."""
        return self.kind in (Kind.DATA, Kind.STATE)

    @property
    def bad(self) -> bool:
        """Whether no honest file calls it: dangerous, or unlisted in a module that is covered whole."""
        return self.kind is Kind.DANGEROUS or bool(self.closed)


class Callables:
    """The packs, ready to be asked. Get it by `callables(packs)`."""

    def __init__(self, packs: Packs) -> None:
        known, danger, python = packs.toml("pickle/known.toml"), packs.toml("pickle/dangerous.toml"), packs.toml("pickle/python.toml")
        self._data: dict[str, frozenset[str]] = {m: frozenset(n) for m, n in known["data"].items()}
        self._classes = b"\n" + packs.read("pickle/classes.txt")
        self._states: dict[str, frozenset[str]] = {}
        self._more: dict[str, list[str]] = known["state"]
        self._aliases: dict[str, str] = known["aliases"]
        self.loads: dict[str, int] = known["loads"]
        self.attributes: dict[str, frozenset[str]] = {k: frozenset(v) for k, v in known["attributes"].items()}
        self._bad_modules = frozenset(danger["modules"])
        self._bad: dict[str, frozenset[str]] = {m: frozenset(n) for m, n in danger["names"].items()}
        self._code: dict[str, frozenset[str]] = {m: frozenset(n) for m, n in danger["code"].items()}
        self._dual: dict[str, frozenset[str]] = {m: frozenset(n) for m, n in danger["dual"].items()}
        self._segments = frozenset(danger["segments"]["names"])
        self._module_segments = frozenset(danger["segments"]["module_names"])
        self._closed = frozenset(packs.toml("pickle/closed.toml")["packages"])
        self._standard = frozenset(python["standard"])
        self._modules2: dict[str, str] = python["python2_modules"]
        self._names2: dict[str, str] = python["python2_names"]
        self._cache: dict[tuple[str, str], Judgement] = {}

    def judge(self, module: str, name: str) -> Judgement:
        """What `name` (dotted where it is an attribute of an attribute) of `module` is."""
        known = self._cache.get((module, name))
        if known is None:
            known = self._cache[module, name] = self._judge(module, name)
        return known

    def judge_path(self, path: str) -> Judgement:
        """The same for one dotted path: every split into module and name is tried, the worst listed answer counts, then the last split."""
        parts = path.split(".")
        best: Judgement | None = None
        for n in range(len(parts) - 1, 0, -1):
            judged = self.judge(".".join(parts[:n]), ".".join(parts[n:]))
            if judged.kind is Kind.DANGEROUS and judged.listed:
                return judged
            if best is None or (judged.listed and not best.listed):
                best = judged
        return best or self.judge("", path)

    def normalise(self, module: str, name: str) -> tuple[str, str]:
        """The module and name as they are called now: Python 2's names, C twins of modules, moved modules."""
        module, name = module.strip(), name.strip()
        moved = self._names2.get(f"{module}.{name}")
        if moved:
            module, _, name = moved.rpartition(".")
        elif module in self._modules2:
            module = self._modules2[module]
        return self._aliases.get(module, module), name

    def _judge(self, written_module: str, written_name: str) -> Judgement:
        module, name = self.normalise(written_module, written_name)
        full = f"{module}.{name}" if module else name
        for m in dict.fromkeys((module, written_module)):
            if name in self._data.get(m, ()):
                return Judgement(kind=Kind.DATA, name=full, listed=True)
            if name in self._code.get(m, ()):
                return Judgement(kind=Kind.DANGEROUS, name=full, listed=True, code=True, why="makes code from bytes of the file")
            if name in self._bad.get(m, ()):
                return Judgement(kind=Kind.DANGEROUS, name=full, listed=True, why="runs code, starts programs, or reads and writes outside")
            if name in self._dual.get(m, ()):
                return Judgement(kind=Kind.DUAL, name=full, listed=True, why="can reach or become a dangerous callable")
            if name in self._states_of(m):
                return Judgement(kind=Kind.STATE, name=full, listed=True)
        if module.split(".")[0] == "__torch__":
            return Judgement(kind=Kind.STATE, name=full)  # TorchScript's own namespace: no Python module can have it
        if self._is_bad_module(module) or self._is_bad_module(written_module):
            return Judgement(kind=Kind.DANGEROUS, name=full, listed=True, why=f"nothing of {module} belongs in a model file")
        return self._unlisted(module, name, full)

    def _is_bad_module(self, module: str) -> bool:
        """A module of the pack, or one inside a package of the pack."""
        parts = module.split(".")
        return any(".".join(parts[:n]) in self._bad_modules for n in range(1, len(parts) + 1))

    def _unlisted(self, module: str, name: str, full: str) -> Judgement:
        """A name of no list: reached through another module, or of a module that is covered whole, or unknown."""
        top = module.split(".")[0]
        closed_module = top in self._standard or top in self._closed
        route = self._route(module, name)
        if route:
            return Judgement(kind=Kind.DANGEROUS, name=full, traversal=True, why=route)
        if "." in name and closed_module:
            return Judgement(kind=Kind.DANGEROUS, name=full, traversal=True, why=f"a dotted name that {top} does not list")
        if top in self._standard:
            return Judgement(
                kind=Kind.UNKNOWN,
                name=full,
                closed="standard",
                why="honest model files use nothing of the standard library but what is listed",
            )
        last = name.rsplit(".", 1)[-1].lstrip("_")
        if top in self._closed and not last[:1].isupper():
            return Judgement(
                kind=Kind.UNKNOWN, name=full, closed="package", why=f"honest model files call no function of {top} but those listed"
            )
        return Judgement(kind=Kind.UNKNOWN, name=full, why="no pack lists it")

    def _route(self, module: str, name: str) -> str:
        """How a name leads through a module's own imports or a dunder to something else, or an empty string."""
        inner = name.split(".")
        for n, part in enumerate(inner):
            if part.startswith("__") and part.endswith("__") and len(part) > 4 and part not in _HARMLESS_DUNDERS:
                return f"reaches {part}"
            if n < len(inner) - 1 and part.lstrip("_") in self._segments:
                return f"reaches {part} through {module}"
            if n and self.judge_tail(inner[n - 1 :]):
                return f"reaches {'.'.join(inner[n - 1 :])}"
        outer = module.split(".")
        for part in outer[1:]:
            if part in self._module_segments:
                return f"reaches {part} through {outer[0]}"
            if part.startswith("__") and part.endswith("__") and len(part) > 4 and part not in _HARMLESS_DUNDERS and part != "__init__":
                return f"reaches {part}"
        return ""

    def judge_tail(self, parts: list[str]) -> bool:
        """Whether the end of a dotted name is a dangerous name by itself (`torch` + `os.system`)."""
        return len(parts) > 1 and parts[-1] in self._bad.get(".".join(parts[:-1]), ())

    def _states_of(self, module: str) -> frozenset[str]:
        """The classes of a module, cut out of the text of the pack."""
        known = self._states.get(module)
        if known is None:
            at = self._classes.find(b"\n" + module.encode("utf-8", "replace") + b": ") if module and "\n" not in module else -1
            line = self._classes[at + len(module) + 3 : self._classes.find(b"\n", at + 1)] if at >= 0 else b""
            known = self._states[module] = frozenset((*line.decode().split(), *self._more.get(module, ())))
        return known


def callables(packs: Packs) -> Callables:
    """The judge over these packs, built once for them."""
    return packs.loaded("judges.callables", Callables)


def describe(value: Any, limit: int = 200) -> str:
    """A folded value as evidence: control characters escaped, cut to `limit` characters."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"
