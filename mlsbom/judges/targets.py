"""What a configuration may name as the thing to build (`_target_`, `class_path`, `!new:`, Keras modules): dangerous, fine, or unknown.

The lists are those of `signatures/targets/`; classes that honest pickles name count as fine as well. They differ from those of pickles
because
a configuration honestly names functions that a pickle never does.
"""

from __future__ import annotations

from enum import StrEnum

from mlsbom.judges.callables import callables
from mlsbom.knowledge import Packs
from mlsbom.patterns import late

_DUNDER = late(r"__\w+__")
_HARMLESS = frozenset({"__main__", "__init__"})


class Target(StrEnum):
    """What building it means."""

    DANGEROUS = "dangerous"
    FINE = "fine"
    UNKNOWN = "unknown"


class Targets:
    """The packs, ready to be asked. Get it by `targets(packs)`."""

    def __init__(self, packs: Packs) -> None:
        pack = packs.toml("targets/targets.toml")
        self._packs = packs
        self._modules = frozenset(pack["dangerous_modules"])
        self._names = frozenset(pack["dangerous_names"])
        self._harmless = frozenset(pack["harmless"])
        self._libraries = frozenset(pack["libraries"])
        self._segments = frozenset(pack["segments"])

    def judge(self, path: str) -> Target:
        """What a dotted path is; names without a dot are builtins where Python has such a one."""
        name = path.strip()
        if name in self._harmless or f"builtins.{name}" in self._harmless:
            return Target.FINE
        if self.is_dangerous(name):
            return Target.DANGEROUS
        if any(prefix in self._libraries for prefix in _prefixes(name)):
            return Target.FINE
        if "." in name and callables(self._packs).judge_path(name).good:
            return Target.FINE
        return Target.UNKNOWN

    def is_dangerous(self, name: str) -> bool:
        """Whether a dotted path runs code, deserialises, or reaches the system."""
        if name in self._harmless:
            return False
        parts = name.split(".")
        if name in self._names or any(p in self._modules for p in _prefixes(name)):
            return True
        if any((p in self._segments or (_DUNDER.fullmatch(p) and p not in _HARMLESS)) for p in parts[1:-1]):
            return True
        return len(parts) > 2 and any(
            ".".join(parts[n:]) in self._names for n in range(1, len(parts) - 1) if parts[n] in ("os", "builtins", "subprocess")
        )

    def is_dangerous_module(self, module: str) -> bool:
        """Whether a module by itself is one that nothing may be built from."""
        return any(p in self._modules for p in _prefixes(module)) or module in ("builtins", "__builtin__", "__builtins__")


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(len(parts), 0, -1)]


def targets(packs: Packs) -> Targets:
    """The judge over these packs, built once for them."""
    return packs.loaded("judges.targets", Targets)
