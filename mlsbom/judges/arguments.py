"""What known callables may be given: the argument schemas of the specification of model files, section 3.

Listed callables are safe with what picklers give them, not with everything.
"""

from __future__ import annotations

from typing import Final

from mlsbom.formats.pickle.values import Big, Call, Dict, Name, Value, reach
from mlsbom.judges import marks
from mlsbom.judges.callables import Callables, Judgement, Kind, describe
from mlsbom.judges.folding import Folder, show

LONGEST: Final = 64 << 10
_TEXT_CODECS: Final = frozenset({"latin1", "latin-1", "iso-8859-1", "iso8859-1", "utf-8", "utf8"})
_CODECS: Final = frozenset({"_codecs.encode", "codecs.encode"})
_FROM_TYPE: Final = "torch._tensor._rebuild_from_type_v2"
_CLASSES: Final[dict[str, tuple[int, ...]]] = {
    "copyreg._reconstructor": (0, 1), "copyreg.__newobj__": (0,), "copyreg.__newobj_ex__": (0,), _FROM_TYPE: (0, 1),
    "torch._utils._rebuild_wrapper_subclass": (0,),
    "numpy._core.multiarray._reconstruct": (0,), "numpy.ma.core._mareconstruct": (0, 1), "pandas.core.indexes.base._new_Index": (0,),
    "jax._src.array._reconstruct_array": (0,),
    "numpy.random._pickle.__bit_generator_ctor": (0,), "numpy.random._pickle.__generator_ctor": (1,),
    "numpy.random._pickle.__randomstate_ctor": (1,),
}  # fmt: skip
"""Positions of arguments that known callables call: they must be known themselves."""
_OPENERS: Final = frozenset({"numpy.memmap"})
"""Known as types of arrays; called, they open a file."""
_PAIRS: Final = frozenset({"collections.OrderedDict", "builtins.dict", "collections.UserDict", "collections.ChainMap"})
SWAPS: Final = frozenset({
    "__bases__", "__builtins__", "__call__", "__class__", "__closure__", "__code__", "__defaults__", "__del__", "__dict__", "__getattr__",
    "__getattribute__", "__globals__", "__import__", "__init__", "__kwdefaults__", "__mro__", "__new__", "__reduce__", "__reduce_ex__",
    "__setstate__", "__subclasses__", "__wrapped__",
})  # fmt: skip
"""Attributes that make an instance something else. `__dict__` of honest state never holds them."""


class Arguments:
    """Checks the calls of one stream. `built` afterwards holds the classes that known callables made instances of."""

    def __init__(self, judge: Callables, folder: Folder, judged: dict[int, Judgement | None]) -> None:
        self.judge = judge
        self.folder = folder
        self.judged = judged
        self.built: dict[int, tuple[Name, Judgement]] = {}

    def problem(self, call: Call, judged: Judgement) -> str | None:
        """Why the arguments of a known callable are none that honest files give it."""
        args = call.args if isinstance(call.args, tuple) else ()
        name = judged.name
        if judged.kind is Kind.STATE:
            return self._program_in(call) if call.op != "newobj" else None
        if name in _CODECS:
            codec = self.folder.fold(args[1]) if len(args) > 1 else "utf-8"
            return (
                None
                if isinstance(codec, str) and codec.lower().replace("_", "-") in _TEXT_CODECS
                else f"a codec of {show(codec, None, 40)}"
            )
        if name in _PAIRS and args and isinstance(args[0], str | bytes):
            return "text where items belong"
        if name in _OPENERS:
            return "opens a file"
        if name in self.judge.loads:
            index = self.judge.loads[name]
            value = args[index] if index < len(args) else None
            return None if isinstance(value, Big) or isinstance(self.folder.fold(value), bytes) else "bytes that are computed while loading"
        if name == "collections.defaultdict":
            return self._must_be_good(args[0]) if args and isinstance(args[0], Name) else None
        for index in _CLASSES.get(name, ()):
            why = self._must_be_good(args[index]) if index < len(args) else None
            if why:
                return why
        if name == _FROM_TYPE and len(args) > 3:
            swapped = next((k for k in attributes(args[3]) if k in SWAPS), None)
            return f"sets {swapped}" if swapped else None
        return None

    def _program_in(self, call: Call) -> str | None:
        """A command or code among the arguments of a class with state: some evaluate what configures them."""
        for value in reach(call.args, call.kwargs)[:1024]:
            if isinstance(value, str) and (found := marks.hostile(value[:LONGEST])):
                return f"{found[0]}: {describe(found[1], 80)}"
        return None

    def _must_be_good(self, value: Value) -> str | None:
        """None for a known class or callable; unknown ones are noted as such elsewhere."""
        if not isinstance(value, Name):
            return "no plain name where a class belongs" if isinstance(value, Call) else None
        judged = self.judged.get(id(value))
        if judged is None or judged.bad or judged.traversal:
            return f"given {show(value, self.folder, 80)}"
        self.built.setdefault(id(value), (value, judged))
        return None


def attributes(state: Value) -> list[str]:
    """The attribute names that BUILD sets: of a dictionary, or of both parts of a (state, slots) pair."""
    parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
    return [k for part in parts if isinstance(part, Dict) for k, _ in part.pairs if isinstance(k, str)]
