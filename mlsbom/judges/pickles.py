"""The verdict on one pickle stream: what is called with what, what is kept, what is changed. Pure: values of the machine in, notes out.

Rules are named by their ids here; the inspector turns notes into findings. Specification of model files, sections 2 and 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from mlsbom.formats.pickle.storages import storage_of
from mlsbom.formats.pickle.values import Call, Change, Dict, Extension, Missing, Name, Persistent, Stream, Value, reach
from mlsbom.judges.arguments import SWAPS, Arguments, attributes
from mlsbom.judges.callables import Callables, Judgement, Kind
from mlsbom.judges.folding import Folder, evidence, show

NOTES: Final = 1000
"""The most notes that one stream yields."""


class Note(Struct, frozen=True, kw_only=True):
    """One thing to tell. `severity` as a word; `sure`: high, medium or low; `offset` in the blob."""

    rule: str
    because: str
    severity: str
    offset: int
    sure: str = "high"
    name: str = ""
    args: str = ""


class StreamJudge:
    """Judges one stream. `uses` afterwards holds, by name, what it is used for and what it was judged."""

    def __init__(self, stream: Stream, judge: Callables, folder: Folder) -> None:
        self.stream = stream
        self.judge = judge
        self.folder = folder
        self.sure = "medium" if stream.resynced else "high"
        self.used: dict[int, str] = {}
        self.built = {id(c.target) for c in stream.changes if c.op == "build"}
        self.judged: dict[int, Judgement | None] = {id(n): self.of_name(n) for n in stream.names}
        self.arguments = Arguments(judge, folder, self.judged)

    def of_name(self, name: Name) -> Judgement | None:
        """What an import is; None where it is computed and does not fold."""
        plain = self.folder.name(name)
        return self.judge.judge(plain.module, plain.name) if isinstance(plain, Name) else None

    def notes(self) -> Iterator[Note]:
        """All notes, at most `NOTES`."""
        yield from islice(self._all(), NOTES)

    def _all(self) -> Iterator[Note]:
        for call in self.stream.calls:
            yield from self._call(call)
        for change in self.stream.changes:
            yield from self._change(change)
        for name, judged in self.arguments.built.values():
            self.used.setdefault(id(name), "built")
            if judged.kind is Kind.UNKNOWN:
                yield Note(
                    rule="PICKLE-UNKNOWN-CALLABLE",
                    because=f"builds {judged.name}, which no list knows",
                    severity="medium",
                    offset=name.offset,
                    sure=self.sure,
                    name=judged.name,
                )
        yield from self._kept()
        for name in self.stream.names:
            if name.computed:
                yield from self._computed(name)
        for entry in self.stream.extensions:
            yield Note(
                rule="PICKLE-EXTENSION-CODE",
                because=f"takes entry {entry.code} of the loader's extension registry",
                severity="medium",
                offset=entry.offset,
                sure=self.sure,
            )
        for reference in self.stream.persistent:
            if storage_of(reference.pid) is None:
                yield Note(
                    rule="PICKLE-PERSISTENT-ID",
                    because=f"refers to {show(reference.pid, self.folder, 80)}",
                    severity="medium",
                    offset=reference.offset,
                    sure=self.sure,
                )

    # --- calls -------------------------------------------------------------------------------------------------------------------

    def _call(self, call: Call) -> Iterator[Note]:
        fn = call.fn
        if isinstance(fn, Name):
            self.used[id(fn)] = "built" if call.op == "newobj" else "called"
            judged = self.judged.get(id(fn))
            if judged is not None:
                yield from self._judged_call(call, judged)
        elif isinstance(fn, Call):
            yield from self._call_of_result(call, fn)
        elif isinstance(fn, Extension | Persistent | Missing):
            return
        else:
            folded = self.folder.fold(fn)
            if isinstance(folded, Name):
                yield from self._judged_call(call, self.judge.judge(folded.module, folded.name))

    def _judged_call(self, call: Call, judged: Judgement, *, through: str = "") -> Iterator[Note]:
        name = judged.name
        args = show(call.args, self.folder)
        said = f"calls {name}({args[1:-1] if args.startswith('(') and args.endswith(')') else args}){through}"
        note: dict[str, Any] = {"offset": call.offset, "name": name, "args": args}
        if judged.code:
            yield Note(rule="PICKLE-CODE-OBJECT", because=f"{said}: {judged.why}", severity="high", sure=self.sure, **note)
        elif judged.kind is Kind.DANGEROUS and not judged.traversal:
            yield self._dangerous(call, judged, said, note)
        elif judged.traversal:
            yield Note(rule="PICKLE-TRAVERSAL", because=f"{said}: {judged.why}", severity="high", sure=self.sure, **note)
        elif judged.closed:
            yield Note(rule="PICKLE-DANGEROUS-CALL", because=f"{said}: {judged.why}", severity="high", sure="medium", **note)
        elif judged.kind is Kind.DUAL:
            why = self._dual_evidence(call)
            if not why and self._harmless_dual(call, name):
                return
            yield Note(
                rule="PICKLE-DUAL-USE",
                because=said + (f": {why}" if why else ""),
                severity="high" if why else "medium",
                sure=self.sure,
                **note,
            )
        elif judged.kind is Kind.UNKNOWN:
            why = self._evidence(call)
            yield Note(
                rule="PICKLE-UNKNOWN-CALLABLE",
                because=(said if why else f"calls {name}") + (f": {why}" if why else ", which no list knows"),
                severity="high" if why else "medium",
                sure=self.sure,
                **note,
            )
        else:
            why = self.arguments.problem(call, judged)
            if why:
                yield Note(rule="PICKLE-ARGUMENT", because=f"{said}: {why}", severity="high", sure=self.sure, **note)

    def _dangerous(self, call: Call, judged: Judgement, said: str, note: dict[str, Any]) -> Note:
        """NEWOBJ runs `__new__` alone: harmless by itself for most classes, unless arguments or state come with it."""
        if call.op == "newobj":
            given = bool(call.args) if isinstance(call.args, tuple | list) else True
            given = given or bool(isinstance(call.kwargs, Dict) and call.kwargs.pairs) or id(call) in self.built
            return Note(
                rule="PICKLE-DANGEROUS-CALL",
                because=f"{said.replace('calls', 'builds', 1)}: {judged.why}",
                severity="high" if given else "medium",
                sure=self.sure,
                **note,
            )
        return Note(rule="PICKLE-DANGEROUS-CALL", because=f"{said}: {judged.why}", severity="critical", sure=self.sure, **note)

    def _call_of_result(self, call: Call, fn: Call) -> Iterator[Note]:
        """Calling what a call returned: the name it leads to where that folds, else a computed callable."""
        folded = self.folder.fold(fn)
        if isinstance(folded, Name):
            judged = self.judge.judge_path(f"{folded.module}.{folded.name}".rstrip("."))
            if judged.bad or judged.traversal:
                yield Note(
                    rule="PICKLE-DANGEROUS-CALL",
                    because=f"calls {judged.name}({show(call.args, self.folder)[1:-1]}), looked up by {show(fn.fn)}: {judged.why}",
                    severity="critical",
                    offset=call.offset,
                    sure="medium",
                    name=judged.name,
                    args=show(call.args, self.folder),
                )
                return
        root: Value = fn
        for _ in range(64):
            if not isinstance(root, Call):
                break
            root = root.fn
        judged_root = self.judged.get(id(root)) if isinstance(root, Name) else None
        if judged_root is not None and judged_root.good:
            return
        severity = "medium" if judged_root is not None and judged_root.kind is Kind.UNKNOWN and not judged_root.closed else "high"
        yield Note(
            rule="PICKLE-COMPUTED-NAME",
            because=f"calls what {show(fn, None, 120)} returns",
            severity=severity,
            offset=call.offset,
            sure=self.sure,
            args=show(call.args, self.folder),
        )

    def _harmless_dual(self, call: Call, name: str) -> bool:
        """Uses of dual callables that honest files make: attributes that the pack lists, partials of known callables, `type` of a value."""
        args = call.args if isinstance(call.args, tuple) else ()
        if name == "builtins.getattr" and len(args) == 2 and isinstance(args[0], Name) and isinstance(args[1], str):
            owner = self.folder.name(args[0])
            full = ".".join(self.judge.normalise(owner.module, owner.name)) if isinstance(owner, Name) else ""
            judged = self.judged.get(id(args[0]))
            public = args[1].isidentifier() and not args[1].startswith("_")
            # an upper-case attribute of a known class is a member of an enumeration
            return public and (
                args[1] in self.judge.attributes.get(full, ()) or (judged is not None and judged.kind is Kind.STATE and args[1].isupper())
            )
        if name == "functools.partial" and args and call.op in ("reduce", "newobj"):
            inner = args[0]
            judged = self.judged.get(id(inner)) if isinstance(inner, Name) else None
            return judged is not None and judged.good
        return bool(name == "builtins.type" and len(args) == 1)

    def _evidence(self, call: Call) -> str | None:
        """Argument evidence: hostile text or a dangerous name among what is given."""
        given: list[Value] = [call.args, call.kwargs, *call.state[:4]]
        for value in reach(*given)[:4096]:
            if isinstance(value, Name):
                judged = self.judged.get(id(value))
                if judged is None or judged.bad or judged.traversal:
                    return f"given {show(value, self.folder, 80)}"
            elif isinstance(value, Call):
                why = evidence(self.folder.fold(value)) if value is not call else None
                if why:
                    return why
            elif isinstance(value, str | bytes):
                why = evidence(value)
                if why:
                    return why
        return None

    def _dual_evidence(self, call: Call) -> str | None:
        """The same for the dual tier, where a private attribute or a name with a dot is evidence as well."""
        why = self._evidence(call)
        if why:
            return why
        for value in call.args if isinstance(call.args, tuple) else ():
            folded = self.folder.fold(value)
            if isinstance(folded, str) and folded[:1] == "_" and folded.isidentifier():
                return f"a private attribute: {folded}"
            if (
                isinstance(folded, str)
                and "." in folded
                and folded.replace(".", "").isidentifier()
                and self.judge.judge_path(folded).kind is Kind.DANGEROUS
            ):
                return f"names {folded}"
        return None

    # --- changes and what is kept ------------------------------------------------------------------------------------------------

    def _change(self, change: Change) -> Iterator[Note]:
        because = self._shadowing(change)
        if because:
            yield Note(
                rule="PICKLE-SHADOWING",
                because=because,
                severity="high",
                offset=change.offset,
                sure=self.sure,
                name=show(change.target, self.folder, 120) if isinstance(change.target, Name) else "",
            )

    def _shadowing(self, change: Change) -> str | None:
        """What a change does to something that is not this file's own; None for a change of what the file makes."""
        target = change.target
        said = f"{_VERBS[change.op]} {show(target, None, 80)}"
        if isinstance(target, Name):
            return f"{said}, which is there already: {show(change.value, self.folder, 120)}"
        if isinstance(target, Call):
            swapped = next((k for k in attributes(change.value) if k in SWAPS), None) if change.op == "build" else None
            if swapped:
                return f"sets {swapped} of {show(target.fn, None, 80)}"
            return f"{said}, which is looked up and not made by this file" if self._is_shared(target) else None
        return f"{said}, which this file does not make" if isinstance(target, Extension | Persistent) else None

    def _is_shared(self, target: Call) -> bool:
        """Whether a call returns something that is there already instead of a fresh value."""
        fn = target.fn
        judged = self.judged.get(id(fn)) if isinstance(fn, Name) else None
        return (
            isinstance(fn, Name)
            and judged is not None
            and judged.name
            in ("builtins.getattr", "operator.getitem", "operator.attrgetter", "builtins.vars", "builtins.globals", "builtins.super")
        )

    def _kept(self) -> Iterator[Note]:
        """Names that are not called: kept where the result reaches them, or dropped."""
        rest = [n for n in self.stream.names if id(n) not in self.used]
        doubtful = [n for n in rest if (j := self.judged.get(id(n))) is not None and not j.good]
        if not rest or not doubtful:
            return
        kept = {
            id(v)
            for v in reach(self.stream.result, *(c.value for c in self.stream.changes), *(c.args for c in self.stream.calls))
            if isinstance(v, Name)
        }
        for name in rest:
            self.used[id(name)] = "stored" if id(name) in kept else "dropped"
        for name in doubtful:
            judged = self.judged[id(name)]
            assert judged is not None
            stored = id(name) in kept
            note: dict[str, Any] = {"offset": name.offset, "sure": self.sure, "name": judged.name}
            if judged.traversal:
                yield Note(rule="PICKLE-TRAVERSAL", because=f"imports {judged.name}: {judged.why}", severity="high", **note)
            elif judged.kind is Kind.DANGEROUS or judged.closed:
                if judged.kind is Kind.DANGEROUS:
                    severity = "high" if stored else "medium"
                else:
                    severity = "medium" if stored and judged.closed == "standard" else "low"
                because = f"{'keeps' if stored else 'imports and drops'} {judged.name}: {judged.why}"
                yield Note(rule="PICKLE-DANGEROUS-STATE", because=because, severity=severity, **note)
            elif judged.kind is Kind.UNKNOWN:
                yield Note(
                    rule="PICKLE-UNKNOWN-CALLABLE",
                    because=f"{'keeps' if stored else 'imports'} {judged.name}, which no list knows",
                    severity="medium" if stored else "low",
                    **note,
                )

    def _computed(self, name: Name) -> Iterator[Note]:
        judged = self.judged.get(id(name))
        if judged is not None and judged.good:
            return
        self.used.setdefault(id(name), "called")
        yield Note(
            rule="PICKLE-COMPUTED-NAME",
            because=f"imports a name that is computed while loading: {show(name, self.folder, 120)}",
            severity="high",
            offset=name.offset,
            sure=self.sure,
        )


_VERBS: Final = {
    "build": "changes the state of",
    "setitem": "sets an item of",
    "append": "appends to",
    "appends": "appends to",
    "additems": "adds items to",
}


def texts(stream: Stream) -> Iterator[str | bytes]:
    """The literals that the result of a stream holds."""
    for value in reach(stream.result, *stream.left, *(c.args for c in stream.calls)):
        if isinstance(value, str | bytes):
            yield value
