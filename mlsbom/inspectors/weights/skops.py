"""skops: the types that `schema.json` names, judged as imports; loaders that do not fit their class. Source: skops.io, protocols 0 to 2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mlsbom.blob import Blob
from mlsbom.formats import json
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.common import seen, state
from mlsbom.judges import marks
from mlsbom.judges.callables import Kind, callables
from mlsbom.judges.targets import targets
from mlsbom.model import Name, Phase, Rule, Severity

REFERENCE = Rule(id="SKOPS-REFERENCE", title="A skops file names a type that is not data", severity=Severity.CRITICAL)
MISMATCH = Rule(id="SKOPS-LOADER-MISMATCH", title="A skops node has a loader that does not fit its type", severity=Severity.HIGH)
RULES = (REFERENCE, MISMATCH)

_CALLING: Final = frozenset(
    {
        "MethodNode",
        "OperatorFuncNode",
        "PartialNode",
        "FunctionNode",
        "ReduceNode",
        "CachedNode",
        "_DictWithDeprecatedKeysNode",
        "UfuncNode",
        "TypeNode",
        "TreeNode",
        "ConstructorFromRawNode",
    }
)
_LOADERS: Final = frozenset(
    {
        "DictNode",
        "ListNode",
        "SetNode",
        "TupleNode",
        "FunctionNode",
        "PartialNode",
        "TypeNode",
        "SliceNode",
        "ObjectNode",
        "MethodNode",
        "JsonNode",
        "BytesNode",
        "BytearrayNode",
        "OperatorFuncNode",
        "NdArrayNode",
        "MaskedArrayNode",
        "RandomStateNode",
        "RandomGeneratorNode",
        "SparseMatrixNode",
        "DefaultDictNode",
        "OrderedDictNode",
        "TreeNode",
        "SGDNode",
        "ReduceNode",
        "DatetimeNode",
        "_DictWithDeprecatedKeysNode",
        "DtypeNode",
        "CachedNode",
        "EnumNode",
        "LossNode",
        "KDTreeNode",
        "UfuncNode",
        "FrozenSetNode",
        "BunchNode",
        "ConstructorFromRawNode",
        "QuantileForestNode",
        "DatetimeTimedeltaNode",
        "ComplexNode",
        "PathNode",
        "NamedTupleNode",
        "CounterNode",
        "DequeNode",
        "ShapeNode",
    }
)
_DATA: Final = frozenset(
    {
        "builtins.dict",
        "builtins.list",
        "builtins.tuple",
        "builtins.set",
        "builtins.frozenset",
        "builtins.str",
        "builtins.int",
        "builtins.float",
        "builtins.bool",
        "builtins.bytes",
        "builtins.bytearray",
        "builtins.slice",
        "builtins.complex",
        "builtins.NoneType",
    }
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of a `schema.json` that is a skops schema."""
    root = blob.parsed(json.read).value
    if not isinstance(root, dict) or not ("__loader__" in root or "_skops_version" in root or "__module__" in root):
        return
    judge, names = callables(context.packs), targets(context.packs)
    seen_names: dict[str, int] = {}
    said: set[str] = set()
    todo: list[tuple[str, Any]] = [("", root)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, list):
            todo.extend((path, v) for v in value if isinstance(v, (dict, list)))
        if not isinstance(value, dict):
            continue
        todo.extend((f"{path}.{k}".lstrip("."), v) for k, v in value.items() if isinstance(v, (dict, list)))
        module, name, loader = (value.get(k) for k in ("__module__", "__class__", "__loader__"))
        if not isinstance(module, str) or not isinstance(name, str):
            continue
        name = name.removeprefix(f"{module}.")
        full = f"{module}.{name}"
        seen_names[full] = seen_names.get(full, 0) + 1
        if full in said:
            continue
        said.add(full)
        judged = judge.judge(module, name)
        plain = full in _DATA or (loader in ("MethodNode", "ReduceNode") and judged.kind is Kind.STATE)
        if not plain and (names.is_dangerous(full) or (judged.kind is Kind.DANGEROUS and loader != "RandomGeneratorNode")):
            yield REFERENCE.finding(
                f"{marks.quote(full, 120)} by {marks.quote(str(loader), 40)}", evidence=seen(path[:200]), phase=Phase.LOAD
            )
        elif not plain and judged.kind in (Kind.UNKNOWN, Kind.DUAL) and names.judge(full) != "fine":
            yield REFERENCE.finding(
                f"{marks.quote(full, 120)}, which no list knows",
                evidence=seen(path[:200]),
                severity=Severity.LOW if module == "__main__" else Severity.MEDIUM,
                phase=Phase.LOAD,
            )
        if isinstance(loader, str) and loader not in _LOADERS:
            yield MISMATCH.finding(
                f"loader {marks.quote(loader, 60)} of {marks.quote(full, 100)} is not one of skops",
                evidence=seen(path[:200]),
                severity=Severity.MEDIUM,
                phase=Phase.LOAD,
            )
        elif loader == "OperatorFuncNode" and module not in ("operator", "_operator"):
            yield MISMATCH.finding(f"OperatorFuncNode of {marks.quote(full, 100)}", evidence=seen(path[:200]), phase=Phase.LOAD)
        elif loader == "MethodNode" and isinstance(content := value.get("content"), dict):
            yield from _method(content, full, path)
    for full, count in sorted(seen_names.items()):
        module, _, name = full.rpartition(".")
        yield Name(kind="class", name=full, count=count, judged=judge.judge(module, name).kind.value, evidence=seen("schema.json"))
    yield from state("producer_tool", f"skops {root.get('_skops_version')}" if root.get("_skops_version") else "", "_skops_version")
    yield from state("framework", "sklearn", "schema.json")


def _method(content: dict[str, Any], full: str, path: str) -> Iterator[Yield]:
    """A bound method: its object must be of the class that the node names (CVE-2025-54413: the two were not compared)."""
    owner = content.get("obj")
    if isinstance(owner, dict) and isinstance(owner.get("__module__"), str):
        real = f"{owner['__module__']}.{owner.get('__class__')}"
        if real != full:
            yield MISMATCH.finding(
                f"MethodNode of {marks.quote(full, 80)} on an object of {marks.quote(real, 80)}",
                evidence=seen(path[:200]),
                phase=Phase.LOAD,
            )
    func = content.get("func")
    if isinstance(func, str) and func.startswith("__") and func.endswith("__"):
        yield MISMATCH.finding(
            f"MethodNode calls {marks.quote(func, 60)} of {marks.quote(full, 80)}", evidence=seen(path[:200]), phase=Phase.LOAD
        )
