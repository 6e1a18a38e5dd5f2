"""What calls in Python source do, by their qualified names; and the variables and paths that hold secrets or start programs."""

from __future__ import annotations

import re
from typing import Final

from mlsbom.patterns import late

PROCESS: Final = late(
    r"(?:os|posix|nt)\.(?:system|popen\d?|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?|startfile|fork|forkpty)|subprocess\.(?:run|call|Popen|check_call|check_output|getoutput|getstatusoutput)"
    r"|pty\.spawn|commands\.get\w+|asyncio\.create_subprocess_\w+|asyncio\.subprocess\.\w+|_posixsubprocess\.fork_exec|pexpect\.(?:spawn|run)|sh\.\w+|plumbum\.\w+|multiprocessing\.popen_\w+\.\w+"
)
RUNS_CODE: Final = frozenset({"builtins.exec", "builtins.eval", "builtins.compile", "builtins.execfile", "runpy.run_path",
    "runpy.run_module", "code.interact", "code.InteractiveInterpreter",
                               "types.FunctionType", "types.CodeType", "marshal.loads", "marshal.load", "pickletools.dis",
                               "importlib.util.spec_from_loader"})  # fmt: skip
DECODERS: Final = frozenset(
    {
        "base64.b64decode",
        "base64.b32decode",
        "base64.b16decode",
        "base64.b85decode",
        "base64.a85decode",
        "base64.urlsafe_b64decode",
        "base64.standard_b64decode",
        "base64.decodebytes",
        "base64.decodestring",
        "binascii.a2b_base64",
        "binascii.a2b_hex",
        "binascii.unhexlify",
        "zlib.decompress",
        "gzip.decompress",
        "bz2.decompress",
        "lzma.decompress",
        "codecs.decode",
        "builtins.bytes.fromhex",
        "builtins.bytearray.fromhex",
        "marshal.loads",
        "pickle.loads",
        "builtins.chr",
    }
)
"""Callables whose result is decoded data: text that was written so that it cannot be read."""
IMPORTS: Final = frozenset({"builtins.__import__", "importlib.import_module", "importlib.__import__"})
NETWORK: Final = late(
    r"(?:requests|httpx|aiohttp|urllib3)(?:\.\w+)?\.?(?:get|post|put|patch|request|head|delete|Session|Client|AsyncClient|ClientSession|PoolManager|stream|urlopen)(?:\(\))?(?:\.\w+)?"
    r"|urllib\.request\.(?:urlopen|urlretrieve|Request|build_opener)|urllib2?\.(?:urlopen|urlretrieve)|http\.client\.HTTPS?Connection(?:\(\)\.\w+)?|socket\.(?:socket|create_connection)(?:\(\)\.\w+)?"
    r"|ftplib\.FTP\w*(?:\(\)\.\w+)?|smtplib\.SMTP\w*(?:\(\)\.\w+)?|telnetlib\.Telnet|paramiko\.\w+|xmlrpc\.client\.\w+|websockets?\.\w+|wget\.download|gdown\.\w+|pycurl\.Curl"
)
SENDS: Final = late(
    r".*\.(?:post|put|patch|request|sendall|send|sendto|urlopen|Request|sendmail|storbinary|stor|get|connect|gethostbyname|create_connection|urlretrieve)(?:\(\))?"
)
HUB: Final = frozenset(
    {
        "huggingface_hub.hf_hub_download",
        "huggingface_hub.snapshot_download",
        "torch.hub.load",
        "torch.hub.load_state_dict_from_url",
        "torch.hub.download_url_to_file",
    }
)
NATIVE: Final = late(
    r"ctypes\.(?:CDLL|PyDLL|WinDLL|OleDLL|cdll\.LoadLibrary|windll\.LoadLibrary)|torch\.(?:ops|classes)\.load_library"
    r"|torch\.utils\.cpp_extension\.load(?:_inline)?|cffi\.FFI\(\)\.dlopen|tensorflow\.load_op_library|tensorflow\.load_library"
)
UNPICKLES: Final = late(
    r"(?:pickle|cPickle|_pickle|dill|cloudpickle|joblib|shelve|jsonpickle)\.(?:loads?|Unpickler|open|decode)|pandas\.read_pickle"
)
SECRET_ENV: Final = late(r"(?:TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE)", re.I)
SECRET_PATH: Final = late(
    r"\.ssh\b|\.aws\b|\.netrc|\.npmrc|\.pypirc|\.kube\b|\.docker/config|\.git-credentials|\.gnupg|/etc/(?:passwd|shadow)|\.env\b|id_rsa|id_ed25519"
    r"|\.huggingface|huggingface/token|\.config/gcloud|wallet\.dat|Login Data|Cookies\b|keychain",
    re.I,
)
PERSIST: Final = late(
    r"\.(?:bashrc|bash_profile|zshrc|profile|zprofile)$|/etc/(?:cron|rc\.local|init\.d|profile|systemd|ld\.so\.preload)|crontab|authorized_keys"
    r"|LaunchAgents|LaunchDaemons|systemd/(?:user|system)|\.config/autostart|Start Menu.{0,40}Startup|sitecustomize\.py|usercustomize\.py"
    r"|site-packages/.*\.pth|\.git/hooks|CurrentVersion\\\\?Run",
    re.I,
)
ASKS: Final = frozenset({"builtins.len", "builtins.isinstance", "builtins.sorted", "builtins.hasattr", "builtins.getattr", "builtins.any"})
EAGER: Final = frozenset(
    {
        "atexit.register",
        "threading.Thread",
        "threading.Timer",
        "builtins.map",
        "builtins.filter",
        "functools.partial",
        "concurrent.futures.ThreadPoolExecutor",
        "builtins.sorted",
    }
)
