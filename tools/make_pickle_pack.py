"""Make signatures/pickle/classes.txt and python.toml from published packages and from CPython, without importing or running any of them.

    python tools/make_pickle_pack.py WHEELS_FOLDER       every *.whl in it is read by its syntax trees and the names in its compiled modules

A class is listed when its instances are data: it is defined at the top of a module of `LIBRARIES`, and nothing that runs on building it
(`_CONSTRUCTION`) calls what opens, runs, imports or fetches. Names are exact. Python's own lists come from the running interpreter
(`sys.stdlib_module_names`, `_compat_pickle`) and from `REMOVED`.
"""

from __future__ import annotations

import _compat_pickle
import ast
import re
import sys
import warnings
import zipfile
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "signatures" / "pickle"
LIBRARIES: dict[str, tuple[str, str]] = {
    # package: (modules that are read, modules that are not)
    "sklearn": (r"sklearn\..*",
    r"\.tests\b|\.datasets\b|_build_utils|\.externals\.(?!_packaging)|conftest|\.utils\._(?:testing|estimator_checks)|_pprint|_estimator_html"),
    "imblearn": (r"imblearn\..*", r"\.tests\b|\.datasets\b"),
    "scipy": (r"scipy\.(?:sparse|stats|spatial|interpolate|optimize|signal)\..*", r"\.tests\b|_testutils|\.linalg\._eigen\.arpack"),
    "pandas": (r"pandas\.(?:core\.(?:arrays|dtypes|frame|series|generic|indexes|internals|base|flags)|tseries)\b.*"
    r"|pandas\._libs(?!\.(?:testing|parsers|sas|json|writers)\b)\b.*", r"\.tests\b"),
    "numpy": (r"numpy\.(?:polynomial|ma|random|matrixlib|_core\.records|core\.records)\b.*", r"\.tests\b"),
    "torch": (r"torch\.(?:nn|optim|distributions|ao\.nn|ao\.quantization|amp|torch_version)\b.*",
    r"\.parallel\b|\.utils\.(?!parametrizations|parametrize|weight_norm|spectral_norm)|\.testing\b|_functions|fx\b|\.attention\b"),
    "torchvision": (r"torchvision\.(?:models|ops|transforms)\b.*", r"_api$|\.feature_extraction"),
    "transformers": (r"transformers\.(?:models\..*\.(?:configuration|modeling|image_processing|feature_extraction)_\w+"
    r"|configuration_utils|trainer_utils|trainer_pt_utils|training_args\w*|"
    r"generation\.configuration_utils|modeling_outputs|tokenization_utils_base|activations|pytorch_utils|"
    r"modeling_rope_utils|cache_utils|utils\.quantization_config|integrations\.deepspeed)", r"_(?:tf|flax)_"),
    "accelerate": (r"accelerate\.(?:state|utils\.dataclasses)", r"$^"),
    "peft": (r"peft\.(?:tuners\..*\.config|config|utils\.peft_types|tuners\..*\.layer|tuners\..*\.model|peft_model)", r"$^"),
    "diffusers": (r"diffusers\.(?:models|schedulers|configuration_utils)\b.*", r"flax"),
    "sentence_transformers": (r"sentence_transformers\..*\.?models?\..*|sentence_transformers\.models\..*", r"$^"),
    "timm": (r"timm\.(?:models|layers)\b.*", r"_(?:hub|builder|factory|helpers|pretrained|registry)$|\.hub$|\.helpers$|\.factory$"),
    "xgboost": (r"xgboost\.(?:sklearn|core|callback)", r"$^"),
    "lightgbm": (r"lightgbm\.(?:sklearn|callback)", r"$^"),
    "catboost": (r"catboost\.core", r"$^"),
    "category_encoders": (r"category_encoders\..*", r"\.tests\b|datasets"),
    "sklearn_crfsuite": (r"sklearn_crfsuite\..*", r"$^"),
    "statsmodels": (r"statsmodels\.(?:regression|genmod|discrete|tsa|base|iolib|robust|duration|stats)\b.*", r"\.tests\b"),
    "hdbscan": (r"hdbscan\..*", r"\.tests\b"),
    "umap": (r"umap\..*", r"$^"),
    "gensim": (r"gensim\.(?:models|corpora|utils|similarities)\b.*", r"\.wrappers\b"),
    "skorch": (r"skorch\.(?:classifier|regressor|net|callbacks|history|dataset|utils)\b.*", r"\.tests\b"),
    "pytorch_lightning": (r"pytorch_lightning\.(?:callbacks|utilities\.parsing|core)\b.*", r"$^"),
    "lightning": (r"lightning\.(?:pytorch\.(?:callbacks|core|utilities\.parsing)|fabric\.utilities\.data)\b.*", r"$^"),
    "torchmetrics": (r"torchmetrics\..*", r"\.functional\b|multimodal|image\.(?:fid|lpip)"),
    "torch_geometric": (r"torch_geometric\.(?:nn|data\.(?:data|hetero_data|storage|batch))\b.*", r"\.resolver|nn\.to_"),
    "ultralytics": (r"ultralytics\.nn\.(?:modules\b.*|tasks)", r"$^"),
    "omegaconf": (r"omegaconf\.(?:dictconfig|listconfig|nodes|base)", r"$^"),
    "fastai": (r"fastai\.(?:layers|losses|metrics|learner|torch_core)", r"$^"),
    "spacy": (r"spacy\.(?:vocab|tokens\..*|lookups)", r"$^"),
    "nltk": (r"nltk\.(?:tokenize\.punkt|tag\.(?:sequential|perceptron)|classify\.naivebayes|probability|stem\.snowball)", r"$^"),
}  # fmt: skip
REACHING = frozenset(
    [
        "eval",
        "exec",
        "compile",
        "open",
        "__import__",
        "system",
        "popen",
        "Popen",
        "import_module",
        "urlopen",
        "urlretrieve",
        "load_module",
        "run_path",
        "loads",
        "load_library",
        "CDLL",
        "hf_hub_download",
        "cached_file",
        "snapshot_download",
        "load_state_dict_from_url",
        "download_url_to_file",
        "memmap",
        "fork",
        "spawn",
        "check_output",
        "check_call",
        "getoutput",
    ]
)
_CONSTRUCTION = frozenset(
    {"__init__", "__new__", "__setstate__", "__post_init__", "__setattr__", "__getattr__", "__call__", "__del__", "__init_subclass__"}
)
REMOVED = ["aifc", "asynchat", "asyncore", "audioop", "binhex", "cgi", "cgitb", "chunk", "crypt", "distutils", "dummy_threading",
    "formatter", "imghdr", "imp", "lib2to3", "macpath", "macurl2path", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "parser",
    "pipes", "smtpd", "sndhdr", "spwd", "sunau", "symbol", "telnetlib", "tkinter", "uu", "xdrlib", "_bootlocale", "_bootsubprocess",
    "popen2", "commands", "dircache", "rexec", "sets", "new", "user", "md5", "sha", "thread", "cPickle", "cStringIO", "StringIO",
    "httplib", "urllib2", "urlparse", "xmlrpclib", "Queue", "SocketServer", "ConfigParser", "HTMLParser", "Cookie", "cookielib",
    "BaseHTTPServer", "SimpleHTTPServer", "CGIHTTPServer", "DocXMLRPCServer", "SimpleXMLRPCServer", "Tkinter", "anydbm", "dbhash",
    "dumbdbm", "gdbm", "whichdb", "robotparser", "repr", "statvfs", "UserDict", "UserList", "UserString", "__builtin__", "_winreg",
    "copy_reg", "exceptions", "test", "idlelib", "_pyrepl", "_interpreters", "_interpchannels", "_interpqueues", "_xxsubinterpreters",
    "_xxinterpchannels", "annotationlib", "string.templatelib", "compression", "pathlib._local"]  # fmt: skip


def qualified(path: str) -> str:
    """The module of a file in a wheel."""
    name = re.sub(r"\.(?:cpython|abi3|cp\d+)[^/]*\.so$|\.(?:py|so)$", "", path).replace("/", ".")
    return name.removesuffix(".__init__")


def reaches(node: ast.ClassDef) -> bool:
    """Whether building an instance of a class, or giving it state, calls what opens, runs, imports or fetches."""
    for body in (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name in _CONSTRUCTION):
        for call in ast.walk(body):
            if isinstance(call, ast.Call):
                name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
                owner = call.func.value.id if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) else ""
                if name in REACHING and not (name == "compile" and owner in ("re", "self", "torch")):
                    return True
    return False


def classes_of(wheel: zipfile.ZipFile) -> dict[str, set[str]]:
    """Classes by module: from source by syntax tree, from compiled modules by the names that Cython keeps."""
    out: dict[str, set[str]] = {}
    for path in wheel.namelist():
        module = qualified(path)
        top = module.split(".")[0]
        if top not in LIBRARIES or not path.endswith((".py", ".so")):
            continue
        wanted, unwanted = LIBRARIES[top]
        if not re.fullmatch(wanted, module) or re.search(unwanted, module):
            continue
        if path.endswith(".py"):
            try:
                tree = ast.parse(wheel.read(path))
            except SyntaxError:
                continue
            names = {n.name for n in tree.body if isinstance(n, ast.ClassDef) and not reaches(n)}
        else:
            raw = wheel.read(path)
            names = {
                m.decode()
                for m in re.findall(rb"(?<![A-Za-z0-9_])(__pyx_unpickle_[A-Za-z0-9_]+?)(?=__set_state|[^A-Za-z0-9_])", raw)
                if b"__set_state" not in m
            }
            names |= {n.removeprefix("__pyx_unpickle_") for n in names if not n.startswith("__pyx_unpickle_Enum")}
            names |= {m.decode() for m in re.findall(re.escape(module).encode() + rb"\.([A-Z][A-Za-z0-9]+)\x00", raw)}
        if names:
            out.setdefault(module, set()).update(names)
    return out


def main(folder: Path) -> None:
    """Write both packs."""
    warnings.simplefilter("ignore")
    classes: dict[str, set[str]] = {}
    sources = []
    for path in sorted(folder.glob("*.whl")):
        sources.append("-".join(path.name.split("-")[:2]))
        with zipfile.ZipFile(path) as wheel:
            for module, names in classes_of(wheel).items():
                classes.setdefault(module, set()).update(names)
    lines = [
        "# Made by tools/make_pickle_pack.py: classes whose instances are data with state (class S of the specification), a module a line.",
        "# Plain text, searched as it is: parsing it would cost more than a small scan. Read from: " + ", ".join(sources),
    ]
    lines += [f"{m}: {' '.join(sorted(classes[m]))}" for m in sorted(classes)]
    (OUT / "classes.txt").write_text("\n".join(lines) + "\n", "utf-8")
    stdlib = sorted(set(sys.stdlib_module_names) | set(REMOVED))
    lines = [
        "# Made by tools/make_pickle_pack.py: top-level modules of CPython, past and present, and what Python 2 called things.",
        "",
        "standard = [" + ", ".join(f'"{n}"' for n in stdlib) + "]",
        "",
        "[python2_modules]",
    ]
    modules = _compat_pickle.IMPORT_MAPPING | {"commands": "subprocess"}
    lines += [f'"{old}" = "{new}"' for old, new in sorted(modules.items())]
    lines += ["", "[python2_names]"]
    lines += [f'"{a}.{b}" = "{c}.{d}"' for (a, b), (c, d) in sorted(_compat_pickle.NAME_MAPPING.items())]
    (OUT / "python.toml").write_text("\n".join(lines) + "\n", "utf-8")
    print(
        f"{sum(map(len, classes.values()))} classes in {len(classes)} modules of {len(sources)} packages; {len(stdlib)} modules of Python"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
