"""What a clause says in particular: the countries of a territory, the number of a threshold, the string to display."""

from __future__ import annotations

import re
from typing import Final

from mlsbom.patterns import late

COUNTRIES: Final[dict[str, str]] = {
    "european union": "EU",
    "eu": "EU",
    "united kingdom": "GB",
    "uk": "GB",
    "south korea": "KR",
    "republic of korea": "KR",
    "korea": "KR",
    "united states": "US",
    "china": "CN",
    "japan": "JP",
    "russia": "RU",
    "iran": "IR",
    "north korea": "KP",
    "cuba": "CU",
    "syria": "SY",
}
"""Names in texts -> ISO 3166-1 codes (and EU)."""

EU_MEMBERS: Final[frozenset[str]] = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "HR",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)

LISTED: Final = 6000
"""Characters after the heading of a list of barred uses that are taken for the list."""

_FIELDS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (code, late(p, re.I))
    for code, p in (
        ("military", r"military|warfare|\bwar\b|itar\b|军事|군사"),
        ("weapons", r"weapon|munition|ammunition|武器|무기"),
        ("nuclear", r"nuclear"),
        ("surveillance", r"surveillance|espionage|tracking|감시"),
        ("biometric", r"biometric|facial recognition"),
        ("critical-infrastructure", r"critical infrastructure|operation of .{0,40}(?:transportation|heavy machinery)"),
        ("law-enforcement", r"law enforcement|administration of justice|immigration|criminal justice"),
        ("medical-advice", r"medical (?:advice|results|diagnos)|healthcare"),
        ("legal-advice", r"legal (?:advice|practice)|unauthorized practice"),
        ("automated-decisions", r"fully automated|automated decision"),
        ("discrimination", r"discriminat"),
        ("disinformation", r"disinformation|misinformation|verifiably false"),
        ("minors", r"minors|children"),
        ("national-security", r"national security|国家安全|국가 안보|국가안보"),
        ("guardrail", r"guardrail|filter|safeguard|watermark"),
        ("reverse-engineering", r"reverse[- ]engineer|decompil|disassembl"),
        ("policy", r"use polic"),
        ("illegal", r"illegal|unlawful|violat|违法|非法|불법|위법"),
    )
)
_NUMBER = late(
    r"(?:(US)?\$|USD|€)?\s?(\d[\d,.]*\d|\d|one|two|five|ten|twenty|hundred|seven hundred)\s?(?:\("
    r"(\d[\d,]*)\)\s?)?(million|billion|thousand|万|亿|百万|만|억)?\s?(?:u\.?s\.? )?(dollars|usd)?",
    re.I,
)
_WORDS: Final[dict[str, int]] = {"one": 1, "two": 2, "five": 5, "ten": 10, "twenty": 20, "hundred": 100, "seven hundred": 700}
_SCALE: Final[dict[str, int]] = {
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "万": 10**4,
    "百万": 10**6,
    "亿": 10**8,
    "만": 10**4,
    "억": 10**8,
}
_QUOTED = late(r"[\"“”'‘]((?:[A-Z가-힣]|(?=\w+ (?:with|using|by|on)\b))[^\"“”'’]{1,60}?)[\"”“'’]")


def value(clause: str, sentence: str, whole: str, at: int) -> str:
    """The value of a clause found in `sentence`, which begins at `at` of the `whole` text."""
    if clause == "field-of-use":
        listed = sentence.rstrip(" -*•\n").endswith((":", "："))  # the heading of a list: what follows belongs to it
        return ",".join(fields(whole[at : at + LISTED] if listed else sentence)) or "listed"
    if clause == "territory":
        return territory(sentence)
    if clause == "threshold":
        return threshold(sentence, whole[at : at + len(sentence) + 700])
    if clause == "output-training":
        return output_training(sentence)
    if clause in ("naming", "display"):
        return quoted(sentence)
    if clause == "separate-agreement":
        return (
            "registration"
            if re.search(r"(?i)regist|登记|등록|fill (?:in|out)", sentence)
            else "commercial"
            if re.search(r"(?i)commercial|商业|상업", sentence)
            else ""
        )
    if clause == "revocable":
        return "stated" if re.search(r"(?i)\brevocable|可撤销", sentence) else "at will"
    return ""


def fields(text: str) -> list[str]:
    """The codes of the fields of use that a sentence or list names."""
    return [code for code, pattern in _FIELDS if pattern.search(text)]


def territory(sentence: str) -> str:
    """ISO codes of the places that a territory sentence names, `defined` where it names none, `sanctions` where it is about sanctions."""
    low = sentence.lower()
    if "sanction" in low or "embargo" in low:
        return "sanctions"
    codes = [
        code
        for name, code in COUNTRIES.items()
        if re.search(rf"\b{name}\b", low) and not (name == "korea" and "north korea" in low and "south korea" not in low)
    ]
    return ",".join(sorted(set(codes))) or "defined"


def threshold(sentence: str, following: str) -> str:
    """`measure=number effect`: measures mau, dau, visits_month, revenue_year, revenue_month; effects needs-licence, must-display."""
    low = sentence.lower()
    out = []
    for m in _NUMBER.finditer(sentence):
        number = _amount(m)
        if number is None or number < 1000:
            continue
        near = low[max(0, m.start() - 160) : m.end() + 110]
        money = bool(m[1] or m[5] or "$" in m[0] or "usd" in m[0].lower()) or ("revenue" in near and "users" not in near)
        if money or ("revenue" in near[: 160 + len(m[0]) + 40] and "user" not in low[m.end() : m.end() + 60]):
            measure = "revenue_month" if "monthly revenue" in low or "revenue per month" in low else "revenue_year"
        else:
            measure = "visits_month" if "visit" in near else "dau" if re.search(r"daily|\bdau\b|日活", near) else "mau"
        out.append(f"{measure}={number}")
    effect = (
        "must-display"
        if re.search(r"(?i)\bdisplay", sentence + following[len(sentence) :])
        and not re.search(r"(?i)request|obtain|apply|licen[sc]e from|not licensed|enter into", following)
        else "needs-licence"
    )
    return " ".join(dict.fromkeys(out)) + (f" {effect}" if out else effect)


def _amount(m: re.Match[str]) -> int | None:
    raw = (m[3] or m[2]).replace(",", "").lower().rstrip(".")
    scale = _SCALE.get((m[4] or "").lower(), 1)
    if m[3] and len(raw) > 4:
        scale = 1
    if raw in _WORDS:
        return _WORDS[raw] * scale if scale > 1 else None
    try:
        return int(float(raw) * scale)
    except ValueError:
        return None


def output_training(sentence: str) -> str:
    """How outputs are bound: naming, display, derivative, else barred."""
    low = sentence.lower()
    if re.search(r"(?:beginning|start|prefix)[^.;]{0,60}name|name[^.;]{0,60}(?:begin|start|prefix)", low):
        return "naming"
    if re.search(r"display|built with|powered by|improved using", low) and "not" not in low.split("output")[0][-60:]:
        return "display"
    if "derivative" in low and not re.search(r"\b(?:will|shall|may|must) not\b|agree not", low):
        return "derivative"
    return "barred"


def quoted(sentence: str) -> str:
    """The strings that a naming or display clause quotes, joined by ` / `."""
    found = [
        m[1].strip()
        for m in _QUOTED.finditer(sentence)
        if m[1].lower() not in ("as is", "agreement", "license", "licensor", "you", "your", "model", "software")
    ]
    return " / ".join(dict.fromkeys(found))
