"""Make signatures/keras/classes.toml: the public classes and functions of Keras, read from wheels without importing anything.

    python tools/make_keras_pack.py WHEEL... > signatures/keras/classes.toml

Names come from the `keras_export` decorators of keras 2, keras 3, tf_keras and keras-hub; `functions` only from the sub-packages whose
functions compute
on tensors (activations, losses, metrics, initializers, ops, ...): `utils`, `config`, `saving` and the like are left out.
"""

from __future__ import annotations

import ast
import re
import sys
import zipfile

COMPUTING = {
    "activations",
    "losses",
    "metrics",
    "initializers",
    "regularizers",
    "constraints",
    "ops",
    "layers",
    "optimizers",
    "backend",
    "random",
    "nn",
}


def exports(wheel: str) -> tuple[set[str], set[str]]:
    """(classes, functions) that a wheel exports, by their last name."""
    classes: set[str] = set()
    functions: set[str] = set()
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not name.endswith(".py") or "test" in name:
                continue
            for node in ast.walk(ast.parse(archive.read(name))):
                if not isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                    continue
                for decorator in node.decorator_list:
                    if not isinstance(decorator, ast.Call) or "export" not in ast.unparse(decorator.func):
                        continue
                    paths = re.findall(r"keras(?:_hub|_nlp)?(?:\.\w+)+", ast.unparse(decorator))
                    if isinstance(node, ast.ClassDef):
                        classes.update(p.rsplit(".", 1)[1] for p in paths)
                        classes.add(node.name)
                    else:
                        functions.update(p.rsplit(".", 1)[1] for p in paths if COMPUTING & set(p.split(".")[:-1]))
    return classes, functions


if __name__ == "__main__":
    all_classes: set[str] = set()
    all_functions: set[str] = set()
    for path in sys.argv[1:]:
        found = exports(path)
        all_classes |= found[0]
        all_functions |= found[1]
    for title, names in (("classes", all_classes), ("functions", all_functions)):
        print(f"{title} = [")
        line = " "
        for one in sorted(names):
            if len(line) + len(one) > 136:
                print(line)
                line = " "
            line += f' "{one}",'
        print(line + "\n]")
