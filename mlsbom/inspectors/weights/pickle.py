"""Pickles: raw, in a row, joblib's with raw arrays between, torch's legacy layout; also files that are named as pickles and are none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob, BytesBlob
from mlsbom.budget import Budget
from mlsbom.errors import ReadError
from mlsbom.formats import FAMILY
from mlsbom.formats.pickle import Big, Call, Pickles, Stream, read_pickles, read_stream
from mlsbom.formats.pickle import Name as PickleName
from mlsbom.inspectors import Context, Member, Yield
from mlsbom.inspectors.weights import pickle_rules as rules
from mlsbom.inspectors.weights.tensors import statements, table
from mlsbom.judges.callables import Callables, callables, describe
from mlsbom.judges.folding import Folder, unpack
from mlsbom.judges.pickles import Note, StreamJudge, texts
from mlsbom.judges.programs import program
from mlsbom.model import AnyFact, Confidence, Evidence, Finding, Name, Phase, Severity, Shortfall, Status, Technique
from mlsbom.patterns import late

RULES = rules.RULES
_BY_ID: Final = {r.id: r for r in RULES}
_LOADED: Final = frozenset({"weights", "archive", "pointer", "program"})
PLAIN_NAMES: Final = (".pkl", ".pickle", ".joblib", ".pt")
SAFE_NAMES: Final = (
    ".safetensors",
    ".gguf",
    ".onnx",
    ".npy",
    ".npz",
    ".keras",
    ".h5",
    ".hdf5",
    ".json",
    ".txt",
    ".yaml",
    ".yml",
    ".toml",
    ".md",
    ".csv",
    ".xml",
    ".tflite",
    ".parquet",
    ".zip",
    ".whl",
)
TEXT_LIMIT: Final = 16 << 20
_STEMS: Final = late(rb"import |exec\(|eval\(|__import__|os\.|subprocess|compile\(|\x80[\x02-\x05]|gA[JSVQ]|800[2-5]")
NAMES_LIMIT: Final = 5000


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Findings, names, tensors and statements of all streams; nested pickles that loading unpickles as members."""
    looks = bool({"pickle", "torch-legacy"} & set(context.formats))
    named = _named_as_pickle(context)
    if not looks and not named:
        return
    pickles = blob.parsed(read_pickles)
    if not blob.head.startswith(b"\x80") and not any(s.stopped or s.names for s in pickles.streams):
        if named:  # otherwise it is text that begins like one
            yield rules.MALFORMED.finding(f"named as a pickle, but its content is {_content(context)}", evidence=_at(0))
            yield Shortfall(status=Status.PARTIAL, reason="no pickle can be read from a file that is named as one", evidence=_at(0))
        return
    judge = callables(context.packs)
    folder = Folder(judge, context.budget)
    for stream in _flat(pickles.streams):
        yield from judge_stream(stream, blob, judge, folder)
    yield from _texts(blob, pickles, judge, context.budget)
    yield from _damage(blob, pickles)
    yield from _disguised(blob, pickles, context)
    yield from statements(blob, pickles)
    yield from table(blob, pickles)


def _content(context: Context) -> str:
    """What a file is, beside a pickle."""
    return next((f for f in context.formats if f not in ("pickle", "torch-legacy")), "unknown")


def _named_as_pickle(context: Context) -> bool:
    """Whether a file is named as a pickle, and is not of another format that a loader would find in it."""
    name = (context.member or context.path).lower()
    other = _content(context)
    return name.endswith(PLAIN_NAMES) and other not in ("empty", "lfs-pointer", "annex-link") and FAMILY.get(other) not in _LOADED


def _flat(streams: tuple[Stream, ...] | list[Stream]) -> Iterator[Stream]:
    """All streams, those of object arrays inside others included."""
    work = list(reversed(streams))
    while work:
        stream = work.pop()
        yield stream
        work.extend(reversed(stream.nested))


def judge_stream(stream: Stream, blob: Blob, judge: Callables, folder: Folder) -> Iterator[Yield]:
    """What one stream does: notes as findings, its imports as names, bytes that a known callable unpickles as members."""
    judged = StreamJudge(stream, judge, folder)
    for note in judged.notes():
        yield finding(note)
    for name in stream.names[:NAMES_LIMIT]:
        verdict = judged.judged.get(id(name))
        written = f"{name.module}.{name.name}" if not name.computed else "computed"
        kind = "" if verdict is None else "dangerous" if verdict.bad or verdict.traversal else str(verdict.kind)
        yield Name(
            kind="pickle",
            name=describe(written, 300),
            use=judged.used.get(id(name), "listed"),
            count=name.count,
            judged=kind,
            evidence=_at(name.offset),
        )
    if len(stream.names) > NAMES_LIMIT:
        yield Shortfall(
            status=Status.PARTIAL, reason=f"{len(stream.names)} different imports; {NAMES_LIMIT} are listed", evidence=_at(stream.start)
        )
    for call in stream.calls:
        yield from _loaded(call, blob, judge, folder)


def _loaded(call: Call, blob: Blob, judge: Callables, folder: Folder) -> Iterator[Member]:
    """The bytes that a known callable would unpickle."""
    if not isinstance(call.fn, PickleName) or call.fn.computed or not isinstance(call.args, tuple):
        return
    index = judge.loads.get(".".join(judge.normalise(call.fn.module, call.fn.name)))
    if index is None or index >= len(call.args):
        return
    value = call.args[index]
    if isinstance(value, Big):
        yield Member(name=f"bytes-at-{value.offset}", blob=blob.window(value.offset, value.length))
        return
    folded = folder.fold(value)
    if isinstance(folded, bytes):
        yield Member(name=f"bytes-at-{call.offset}", blob=BytesBlob(folded))


def finding(note: Note) -> Finding:
    """A note as a finding of its rule."""
    rule = _BY_ID[note.rule]
    data = tuple((k, v) for k, v in (("name", note.name), ("arguments", note.args)) if v)
    return rule.finding(
        describe(note.because, 400),
        severity=Severity(note.severity),
        sure=Confidence(note.sure),
        phase=Phase.LOAD,
        evidence=_at(note.offset),
        data=data,
    )


def _at(offset: int) -> Evidence:
    return Evidence(offset=offset, technique=Technique.BINARY, confidence=1.0)


# --- what is kept as data ---------------------------------------------------------------------------------------------------------------


def _texts(blob: Blob, pickles: Pickles, judge: Callables, budget: Budget) -> Iterator[Finding]:
    """Source code and inner pickles that are kept as plain data: at most medium, as no loader evaluates them."""
    if blob.size > TEXT_LIMIT:
        return
    raw = blob.data(TEXT_LIMIT)
    if not any(_STEMS.search(raw, s.start + 2, s.end) for s in pickles.streams):
        return
    seen: set[str] = set()
    for stream in _flat(pickles.streams):
        if stream.plain and stream.end - stream.start > 1 << 20:
            continue  # only walked: vocabularies, not programs
        for text in texts(stream):
            for found in _text(text, judge, budget):
                if found.because not in seen:
                    seen.add(found.because)
                    yield found


def _text(text: str | bytes, judge: Callables, budget: Budget) -> Iterator[Finding]:
    if len(text) < 8:
        return
    inner = text if isinstance(text, bytes) else unpack(text)
    if inner is not None and (what := _pickled(inner, judge, budget)):
        yield rules.NESTED.finding(f"keeps a pickle as data, which {what}", sure=Confidence.MEDIUM)
        return
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError:
            return
    what = program(text, judge)
    if what:
        yield rules.TEXT.finding(f"keeps source code that calls {what}: {describe(text, 120)}", sure=Confidence.LOW)


def _pickled(data: bytes, judge: Callables, budget: Budget) -> str | None:
    """What a literal that is a whole pickle does, or None.

    One with a protocol header counts as it is; one of text alone only with a call that is not known to be harmless.
    """
    headed = data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    if len(data) < 8 or not (headed or (b"\n" in data and data.endswith(b"."))):
        return None
    try:
        stream = read_stream(BytesBlob(data), 0, budget)
    except ReadError:
        return None
    bad = next((n for n in stream.names if not n.computed and not judge.judge(n.module, n.name).good), None)
    if bad is not None and stream.calls:
        return f"calls {bad.module}.{bad.name}"
    return "nothing here loads" if headed and stream.stopped and stream.end == len(data) else None


# --- damage and disguise ----------------------------------------------------------------------------------------------------------------


def _damage(blob: Blob, pickles: Pickles) -> Iterator[AnyFact]:
    """Streams that end early, and bytes that belong to none."""
    for stream in pickles.streams:
        if stream.problem and not stream.resynced:
            yield rules.MALFORMED.finding(f"loading fails: {stream.problem}", evidence=_at(stream.problem_at), phase=Phase.LOAD)
            yield Shortfall(
                status=Status.PARTIAL,
                reason=f"the pickle at {stream.start} cannot be read to its end: {stream.problem}",
                evidence=_at(stream.problem_at),
            )
            break
    for offset, length in pickles.raw:
        if offset == pickles.storages_at or any(s.problem for s in pickles.streams if not s.resynced):
            continue
        if blob.read_at(offset, min(length, 1 << 16)).strip(b"\0\n") or length > 1 << 16:
            yield rules.MALFORMED.finding(f"{length} bytes follow that are no pickle", evidence=_at(offset))
    if pickles.unread:
        yield Shortfall(status=Status.PARTIAL, reason=f"{pickles.unread} bytes behind the pickle were not searched for further ones")


def _disguised(blob: Blob, pickles: Pickles, context: Context) -> Iterator[Finding]:
    name = (context.member or context.path or blob.name).lower()
    suffix = next((s for s in SAFE_NAMES if name.endswith(s)), None)
    if suffix and context.formats[:1] in (("pickle",), ("torch-legacy",)) and any(s.stopped or s.names for s in pickles.streams):
        yield rules.DISGUISED.finding(f"the content is a pickle, the name says {suffix}", evidence=_at(0))
