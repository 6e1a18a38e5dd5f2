"""Make signatures/licenses/ from its sources.

    make_licenses.py --spdx PACKAGE --list FILE --licensedb FOLDER --corpus FOLDER [--texts FOLDER]...

--spdx       the npm package `spdx-license-list` (spdx-full.json: the texts of the SPDX list, CC0-1.0)
--list       `spdx_license_list.py` of the Python package of that name (identifiers, names, deprecation, OSI and FSF flags)
--licensedb  the `licenses` folder of ScanCode LicenseDB (CC-BY-4.0): only the category of each SPDX identifier is taken from it
--corpus     a folder with ai-licenses.csv and hf_tags.csv (facts about AI licences) and manifest.csv (labelled texts)
--texts      further folders with labels.csv (file, id, variant): texts of AI licences as their licensors publish them

Of texts only hashes of five-word windows are kept, which tell whether a text is the same and do not hold it. `titles.toml`,
`aliases.toml` and `families.toml` are written by hand and are not touched.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import re
from array import array
from pathlib import Path
from typing import Any

from mlsbom.licenses import text
from mlsbom.licenses.references import SAMPLE, WINDOW, windows

HOME = Path(__file__).resolve().parent.parent / "signatures" / "licenses"
_APPENDED = " gnu general public license version june 2007"
"""Where the SPDX text of LGPL-3.0 goes on with that of GPL-3.0, which most files of that name leave out."""
_ENDS = (
    "end of terms and conditions",
    "exhibit a source code form license notice",
    "exhibit a",
    "how to apply these terms to your new programs",
)
_KINDS = {"Permissive": "permissive", "Copyleft Limited": "weak-copyleft", "Copyleft": "copyleft", "Public Domain": "public-domain"}
_AI_KINDS = {
    "data": "use-restricted",
    "data-permissive": "permissive",
    "data-copyleft": "copyleft",
    "no-derivatives": "use-restricted",
    "share-alike": "copyleft",
}


def main() -> None:
    """Read the sources, write the packs."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--spdx", type=Path, required=True)
    ap.add_argument("--list", type=Path, required=True)
    ap.add_argument("--licensedb", type=Path, required=True)
    ap.add_argument("--corpus", type=Path, required=True)
    ap.add_argument("--texts", type=Path, action="append", default=[])
    args = ap.parse_args()
    listed = _listed(args.list)
    full = json.loads((args.spdx / "spdx-full.json").read_text("utf-8"))
    labelled = _labelled(args.corpus, args.texts)
    categories = _categories(args.licensedb)
    spdx = {i: [names["name"], kind_of(i, categories), int(names["deprecated"])] for i, names in sorted(listed["licenses"].items())}
    _write("spdx.json", {"licenses": spdx, "exceptions": sorted(listed["exceptions"])})
    _write("facts.json", {"licenses": facts(args.corpus)})
    _write(
        "tags.json", {r["hf_tag"]: [r["expected"], int(r["resolvable_from_tag_alone"] == "no")] for r in _rows(args.corpus / "hf_tags.csv")}
    )
    (HOME / "texts.bin").write_bytes(pack_texts(full, labelled))


def pack_texts(full: dict[str, Any], labelled: list[tuple[str, str, bytes]]) -> bytes:
    """The pack that `references.References` opens: a JSON line, all windows in order, then the index (keys, owners)."""
    texts: list[tuple[str, str, tuple[str, ...], int]] = []
    seen: set[tuple[str, ...]] = set()

    def add(identifier: str, variant: str, raw: bytes, custom: int) -> None:
        prepared = text.prepare(raw)
        if isinstance(prepared, text.Gap) or len(prepared.words) < 2 * WINDOW or prepared.words in seen:
            return
        seen.add(prepared.words)
        texts.append((identifier, variant, prepared.words, custom))

    for identifier in sorted(full, key=lambda i: (not i.endswith("-only"), i.endswith(("-or-later", "+")), len(i), i)):
        add(_current(identifier), identifier, str(full[identifier]["licenseText"]).encode(), 0)
    for identifier, variant, raw in labelled:
        if identifier.startswith("LicenseRef-") or identifier in ("OpenMDW-1.0", "C-UDA-1.0"):
            add(identifier, variant, raw, 1)
    hashes: array[int] = array("I")
    rows: list[list[Any]] = []
    index: set[tuple[int, int]] = set()
    for n, (identifier, variant, words, custom) in enumerate(texts):
        own = windows(words)
        rows.append([identifier, variant, len(words), _needed(words), len(hashes), custom])
        hashes.extend(own)
        index.update((h, n) for h in own if h % SAMPLE == 0)
    keys, owners = array("I", (k for k, _ in sorted(index))), array("H", (o for _, o in sorted(index)))
    head = json.dumps({"texts": rows, "counts": [len(hashes), len(keys)]}, separators=(",", ":"), ensure_ascii=False)
    return head.encode() + b"\n" + hashes.tobytes() + keys.tobytes() + owners.tobytes()


def _current(identifier: str) -> str:
    """The identifier that a text alone stands for: of the GNU licences `-only`, since `or later` is said elsewhere."""
    m = re.fullmatch(r"((?:A|L)?GPL-\d\.\d|GFDL-\d\.\d)(?:-invariants|-no-invariants)?(?:-or-later|-only|\+)?", identifier)
    return f"{m[1]}-only" if m else identifier


def _needed(words: tuple[str, ...]) -> int:
    """Words up to the end of the terms: what follows (how to apply them) is often left out."""
    line = " ".join(words)
    cuts = [at for end in _ENDS if (at := line.find(" " + end)) > len(line) * 0.6]
    cuts += [at] if (at := line.find(_APPENDED, len(line) // 20)) > 0 else []
    return len(line[: min(cuts)].split()) if cuts else len(words)


def kind_of(identifier: str, categories: dict[str, str]) -> str:
    """The kind of an SPDX identifier: by its name where that tells, then by category; what nobody classified is unknown."""
    i = identifier
    for pattern, kind in (
        (r"^CC-BY-NC|-NC-|NonCommercial|^Aladdin|^SSH-short-NC", "noncommercial"),
        (
            r"^CC-BY-ND|^BUSL|^C-UDA|^Elastic|^PolyForm-Small|^BSD-3-Clause-No-(?:Military|Nuclear)|^MS-LPL|^Hippocratic|^TPDL|^SSPL",
            "use-restricted",
        ),
        (r"^PolyForm-Noncommercial|^Parity|^Prosperity", "noncommercial" if "Non" in i else "copyleft"),
        (r"^AGPL|^OSL-3|^CPAL|^EUPL|^RPL|^Watcom|^NPOSL|^RPSL|^CAL-", "network-copyleft"),
        (r"^(?:GPL|CC-BY-SA|ODbL|CDLA-Sharing|OSL|CECILL-[12]|copyleft-next|GFDL|SISSL-GPL|QPL|Sleepycat)", "copyleft"),
        (r"^(?:LGPL|LGPLLR|MPL|EPL|CDDL|CPL|IPL|APSL|CECILL-C|MS-RL|LiLiQ-R|NPL|SPL|Nokia|OFL)", "weak-copyleft"),
        (r"^(?:CC0|PDDL|Unlicense|NIST-PD|CC-PDM|CC-PDDC|SAX-PD|ANTLR-PD|libtiff-PD|WTFPL-PD|blessing)", "public-domain"),
        (
            r"^(?:0BSD|BSD-[123]-Clause|MIT|MIT-0|Apache|ISC|Zlib|NCSA|PSF|Python|CNRI-Python|CC-BY-\d"
            r"|ODC-By|CDLA-Perm|OpenMDW|W3C|BSL-1|AFL|ECL|PostgreSQL|X11|WTFPL|Artistic-2|MS-PL|etalab"
            r"|OGL)",
            "permissive",
        ),
    ):
        if re.search(pattern, i):
            return kind if kind != "weak-copyleft" or not i.startswith("OFL") else "permissive"
    category = categories.get(i.lower(), "")
    return _KINDS.get(category) or (
        "use-restricted"
        if category in ("Source-available", "Free Restricted")
        else "proprietary"
        if category == "Proprietary Free"
        else "unknown"
    )


def facts(corpus: Path) -> list[dict[str, Any]]:
    """The rows of ai-licenses.csv in the program's vocabulary."""
    out = []
    for r in _rows(corpus / "ai-licenses.csv"):
        if " " in r["id"]:
            continue  # a note about a publisher, not a licence
        known = "LicenseRef-" + r["id"] if r["id"].startswith("OpenMDW") and not r["spdx_id"] else r["id"]
        row = {
            "id": known,
            "name": r["title_anchor"] or known.removeprefix("LicenseRef-"),
            "kind": _AI_KINDS.get(r["kind"], r["kind"]),
            "tag": r["hf_tag"],
            "names": [n for n in r["hf_license_name"].split(";") if n],
            "clauses": stated_clauses(r),
            "law": r["governing_law"],
            "evidence": r["evidence"],
            "confidence": r["confidence"],
        }
        out.append(row)
    return out


_FIELD_WORDS = (
    ("military", "militar"),
    ("military", "itar"),
    ("nuclear", "nuclear"),
    ("surveillance", "surveillance"),
    ("surveillance", "espionage"),
    ("national-security", "national security"),
    ("policy", "aup"),
    ("policy", "prohibited use policy"),
    ("listed", "attachment a"),
    ("listed", "as rail-m"),
    ("listed", "ethic"),
    ("listed", "prohibited-use"),
    ("illegal", "unlawful"),
    ("reverse-engineering", "reverse engineering"),
    ("guardrail", "guardrail"),
    ("computational", "computational"),
    ("listed", "inherited"),
)
"""Codes of fields of use, and the words of the column that state them."""
_PASS_ON_WORDS = (
    ("share-alike", "share-alike"),
    ("same licence", "share-alike"),
    ("no adapted", "no-derivatives"),
    ("network use", "network"),
)


def stated_clauses(r: dict[str, str]) -> dict[str, str]:
    """The clauses that the columns of a row state: {clause: value}. An empty cell states nothing."""
    return {**_use(r), **_passed_on(r), **_of_outputs(r), **_control(r)}


def _use(r: dict[str, str]) -> dict[str, str]:
    out: dict[str, str] = {}
    use, threshold, restrictions = r["commercial_use"].lower(), r["threshold"], r["use_restrictions"].lower()
    if r["kind"] == "research-only":
        out["research-only"] = ""
    if use.startswith("no") or (r["kind"] in ("noncommercial", "research-only") and not use):
        out["noncommercial"] = "outputs exempt" if "outputs may" in use else ""
    if "registration" in use or "application" in use:
        out["separate-agreement"] = "registration"
    if "separate agreement" in use + r["redistribution"].lower():
        out["separate-agreement"] = "commercial distribution"
    if threshold and "none" not in threshold:
        out["threshold"] = _threshold(threshold)
        if "display" in threshold:
            out["display"] = threshold.rsplit("display ", 1)[-1]
    if "compet" in threshold.lower():
        out["competitor"] = "product"
    elif "competing models" in r["output_training_limit"].lower():
        out["competitor"] = "model"
    fields = [code for code, word in _FIELD_WORDS if word in restrictions]
    if fields:
        out["field-of-use"] = ",".join(dict.fromkeys(fields))
    if "export" in restrictions:
        out["export"] = ""
    return out


def _passed_on(r: dict[str, str]) -> dict[str, str]:
    out: dict[str, str] = {}
    naming, again = r["naming_or_display"], r["redistribution"].lower()
    if re.search(r"passed on|pass on|inherited", f"{r['use_restrictions'].lower()} {again}"):
        out["pass-through"] = ""
    if m := re.search(r"(?:name|names) [^;]*start\w* with ([\w .-]+)", naming):
        out["naming"] = m[1].strip()
    if m := re.search(r"(?:display|(?=built using|Built on)) ?([^;]+?)(?: when|\(|;|$)", naming):
        out["display"] = m[1].strip()
    if r["notice_text_required"].lower() not in ("", "no", "none"):
        out["notice"] = r["notice_text_required"]
    return out | {clause: "" for word, clause in _PASS_ON_WORDS if word in again}


def _of_outputs(r: dict[str, str]) -> dict[str, str]:
    written = r["output_training_limit"].lower()
    if not written or written.startswith(("no ", "none", "not found", "mit")) or "outputs also bound" in written:
        return {}
    for word, value in (("name must", "naming"), ("display", "display"), ("as qwen", "display"), ("derivative", "derivative")):
        if word in written:
            return {"output-training": value}
    return {"output-training": "barred"}


def _control(r: dict[str, str]) -> dict[str, str]:
    out: dict[str, str] = {}
    if re.search(r"(?<!ir)revocable", r["revocable_or_terminable"]):
        out["revocable"] = "stated"
    if r["licensor_can_change_terms"].lower().startswith(("yes", "aup")):
        out["changeable"] = r["licensor_can_change_terms"]
    if r["remote_restriction"].startswith("YES"):
        out["remote-restriction"] = ""
    if territory := _territory(r["territory_exclusion"]):
        out["territory"] = territory
    return out


def _threshold(written: str) -> str:
    out = []
    for number, word, unit in re.findall(
        r"(?:USD )?([\d,]+)\s?(M?)\s*(?:USD )?(MAU|visits/month|DAU|annual revenue|monthly revenue|revenue)",
        written.replace("DAU < 1M", "1M DAU"),
    ):
        amount = int(number.replace(",", "")) * (10**6 if word else 1)
        out.append(
            {"MAU": "mau", "DAU": "dau", "visits/month": "visits_month", "monthly revenue": "revenue_month"}.get(unit, "revenue_year")
            + f"={amount}"
        )
    return " ".join([*out, "must-display" if "display" in written else "needs-licence"])


def _territory(written: str) -> str:
    low = written.lower()
    if low in ("", "no"):
        return ""
    if low.startswith("sanction"):
        return "sanctions"
    first = low.split(";")[0]  # several texts under one id: only what all of them exclude follows from the id
    codes = {c for c, words in (("EU", ("eu",)), ("GB", ("uk",)), ("KR", ("korea",)), ("US", (" us",))) if any(w in first for w in words)}
    return ",".join(sorted(codes)) + (" multimodal" if "multimodal" in low else "")


def _listed(path: Path) -> dict[str, Any]:
    """Identifiers of the SPDX list from the literal calls in the package's one module; nothing is imported."""
    out: dict[str, Any] = {"licenses": {}, "exceptions": {}}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("License", "LicenseException"):
            values = {k.arg: ast.literal_eval(k.value) for k in node.keywords}
            part = out["licenses" if node.func.id == "License" else "exceptions"]
            part[values["id"]] = {
                "name": values["name"],
                "deprecated": values["deprecated_id"],
                "osi": values.get("osi_approved"),
                "fsf": values.get("fsf_libre"),
            }
    return out


def _categories(folder: Path) -> dict[str, str]:
    out: dict[str, str] = {}
    for path in sorted(folder.glob("*.LICENSE")):
        head = path.read_text("utf-8", errors="replace")[:6000]
        key, category = re.search(r"^spdx_license_key: (\S+)$", head, re.M), re.search(r"^category: (.+)$", head, re.M)
        if key and category:
            names = [key[1], *re.findall(r"^ +- (\S+)$", head.split("other_spdx_license_keys:", 1)[-1].split("\n\n", 1)[0], re.M)]
            out.update((n.lower(), category[1].strip()) for n in names)
    return out


def _labelled(corpus: Path, folders: list[Path]) -> list[tuple[str, str, bytes]]:
    out = [
        (r["expected"], "", (corpus / r["file"]).read_bytes())
        for r in _rows(corpus / "manifest.csv")
        if r["group"] == "ai" and " " not in r["expected"]
    ]
    for folder in folders:
        out += [(r["id"], r["variant"], (folder / r["file"]).read_bytes()) for r in _rows(folder / "labels.csv")]
    return out


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def _write(name: str, value: Any) -> None:
    (HOME / name).write_text(json.dumps(value, indent=0, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
