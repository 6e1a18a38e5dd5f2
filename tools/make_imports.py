"""Write signatures/imports: which distribution gives an import, and the names of the standard library.

    python tools/make_imports.py        checks and sorts signatures/imports/imports.csv, writes signatures/imports/stdlib.txt

`imports.csv` (import,distribution,also) is curated by hand: a dotted prefix, the distribution that is usually meant, and others (conda
names, too) that satisfy it. `stdlib.txt` is the union over Python 3.8 to 3.14, so that a verdict does not depend on the scanning
interpreter: the names of the one that runs this tool, and those that other releases had or have ("What's New" of 3.9 to 3.14).
"""

from __future__ import annotations

import csv
import io
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "signatures" / "imports"
REMOVED = (
    "_bootlocale asynchat asyncore binhex distutils formatter imp macpath parser smtpd symbol telnetlib cgi cgitb chunk crypt imghdr aifc "
    "audioop mailcap msilib nis nntplib ossaudiodev pipes sndhdr spwd sunau uu xdrlib lib2to3 dummy_threading _dummy_threading"
)
ADDED = (
    "graphlib zoneinfo tomllib annotationlib compression _colorize _pyrepl _ios_support _apple_support _android_support _interpreters "
    "_interpqueues _interpchannels _sysconfig _zstd __main__ test idlelib turtledemo"
)


def stdlib() -> list[str]:
    """The names, sorted."""
    return sorted(set(sys.stdlib_module_names) | set(REMOVED.split()) | set(ADDED.split()))


def table(text: str) -> str:
    """The table, checked and sorted."""
    rows = {}
    for row in csv.DictReader(io.StringIO(text)):
        name, dist = row["import"], row["distribution"]
        if not re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", name) or not all(
            re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", d) for d in (dist, *row["also"].split())
        ):
            raise SystemExit(f"a bad row: {row}")
        if name in rows:
            raise SystemExit(f"twice: {name}")
        rows[name] = f"{name},{dist},{row['also']}"
    return "import,distribution,also\n" + "".join(rows[n] + "\n" for n in sorted(rows))


if __name__ == "__main__":
    path = FOLDER / "imports.csv"
    path.write_text(table(path.read_text("utf-8")), "utf-8")
    (FOLDER / "stdlib.txt").write_text("".join(f"{n}\n" for n in stdlib()), "utf-8")
