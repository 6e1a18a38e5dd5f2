"""What the text of a card says: sections by their headings, labelled lines, and a few figures that carry their unit.

Prose is weak evidence (0.4): a value is taken only where its form leaves no doubt, and is shown with the lines it stands on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mlsbom.formats.frontmatter import Card, Section, paragraphs, plain
from mlsbom.formats.located import Located
from mlsbom.formats.yaml import Node
from mlsbom.inspectors import hubnames
from mlsbom.inspectors.documents import headings
from mlsbom.inspectors.documents.common import NOTHING, PROSE, TEXT_LIMIT, dataset, prose
from mlsbom.model import Kind, Reference, Role, Statement
from mlsbom.patterns import late

_GENERIC = late(
    r"(?:model|dataset|data) ?(?:card|details|description|summary|information)?\Z|(?:readme|overview|introduction|소개|개요|모델 ?카드|"
    r"table of contents|license|news|updates?)\Z|(?:model|dataset) card (?:for )?(?:the )?(?:model|dataset)?\s*(?:id|name)?\Z",
    re.I,
)
_CARD_FOR = late(r"(?:model|dataset|data) card (?:for|of|:)\s*(?:the )?", re.I)
_LABEL = late(
    r"\s*(?:[-*+]\s+|\d+[.)]\s+)?(?:\*\*|__)?([^*_|:\n]{2,60}?)\s*(?:\*\*\s*[::]|[::]\s*\*\*|__\s*[::]|[::]\s*__|[::])\s*(.+?)\s*\Z"
)
_ROW = late(r"\s*\|([^|\n]{2,80})\|([^|\n]{1,400})\|\s*\Z")
_MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"]
_DATE = late(
    r"\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\b|\b([A-Z][a-z]+)\.? (\d{1,2}),? (\d{4})\b|\b(\d{1,2}) ([A-Z][a-z]+) (\d{4})\b|(\d{4})년 "
    r"?(\d{1,2})월 ?(\d{1,2})일"
)
_RELEASED = late(r"\b(?:released?|published|release date|launched|출시|공개|배포)\b", re.I)
_VERSION = late(r"\b(?:version|release|버전)\s*:?\s*v?(\d+(?:\.\d+){1,3}(?:[-+.]?(?:rc|alpha|beta|dev|post)\.?\d*)?)\b", re.I)
_ORG = r"([A-Z가-힣][\w&'가-힣-]*(?:[ .](?:(?:of|for|the|and|at|de)\s)?[A-Z가-힣0-9][\w&'가-힣-]*){0,5})"
_BY = late(
    rf"\b(?:[Dd]eveloped|[Bb]uilt|[Cc]reated|[Rr]eleased|[Mm]ade|[Pp]ublished|[Pp]roduced|[Dd]esigned|[Ii]ntroduced|[Mm]aintained|"
    rf"[Ww]ritten|[Cc]urated|[Cc]ollected|[Pp]rovided|[Dd]istributed)\s+(?:jointly )?by\s+(?:the\s+|researchers at\s+)?{_ORG}|"
    rf"\b(?:model|encoder|decoder|classifier|detector|dataset|corpus|checkpoint|LLM|VLM|tokenizer|network|embedding|transformer|vocoder|"
    rf"recogni[sz]er|system)s?\s+(?:by|from)\s+(?:the\s+)?{_ORG}"
)
_BY_KOREAN = late(r"([가-힣A-Za-z0-9][\w가-힣&.-]{1,30}?)(?:에서|이|가) (?:직접 )?(?:개발|제작|공개|학습|구축|배포)(?:한|하였|했)")
_ENERGY = late(r"(\d[\d,]*(?:\.\d+)?)\s*([kMG]?Wh)\b")
_CO2 = late(
    r"(\d[\d,]*(?:\.\d+)?)\s*(kg|t|tons?|tonnes?|g|톤)?\s*(?:of\s+)?(?:CO2|CO₂|CO_2|탄소)[- ]?(?:eq|e|equivalent)?\b|"
    r"(\d[\d,]*(?:\.\d+)?)\s*(kg|t|tons?|tonnes?|g)?\s*(?:tCO2|kgCO2|gCO2)",
    re.I,
)
_GPU = late(
    r"\b\d{1,5}\s*[x×*]\s*(?:NVIDIA |AMD |Google |Intel )?(?:[HAVLTBP]\d{1,3}0{0,1}\w*|RTX ?\w+|GH200|MI\d{3}\w*|TPU ?v\d\w*(?:-\d+)?|"
    r"Gaudi ?\d?)(?:[- ]\d+ ?GB)?\b|\bTPU ?v\d\w*-\d+\b|\b(?:NVIDIA )?(?:H100|A100|H200|B200|V100|L40S?|RTX ?[3-6]0[5-9]0)(?:[ -]\d+ "
    r"?GB)?\s*(?:GPUs?)?\s*[x×]\s*\d+|\b\d{1,5}\s+(?:NVIDIA )?(?:H100|A100|H200|B200|V100|L40S?|T4|MI300X|MI250X?)s?(?: GPUs?)?\b",
    re.I,
)
_SPLIT = late(r"(?<=[.!?。])\s+")
_INPUT = late(
    r"\b(?:Inputs?|입력)(?: format| type)?\s*[::]\s*(.+?)(?=(?:[.;]\s*|\s+)(?:Outputs?|출력)(?: format| type)?\s*[::]|\s*\Z)"
)
_OUTPUT = late(r"\b(?:Outputs?|출력)(?: format| type)?\s*[::]\s*(.+?)\s*\Z")
_APPROACH: Final = (
    ("semi-supervised", r"semi-supervised|준지도"),
    ("self-supervised", r"self-supervised|masked language model(?:ing)? objective|자기 ?지도"),
    ("reinforcement-learning", r"reinforcement learning|\bRLHF\b|\bGRPO\b|\bPPO\b|강화 ?학습"),
    ("unsupervised", r"(?<!\w)unsupervised|비지도"),
    ("supervised", r"(?<![-\w])supervised|(?<!준)(?<!비)(?<!자기 )(?<!자기)지도 ?학습"),
)
_PERSONAL = late(
    r"personal(?:ly identifiable)? (?:information|data)|\bPII\b|sensitive (?:personal )?(?:information|data)|"
    r"개인 ?(?:식별 ?)?정보|민감 ?정보|anonymi[sz]ed|가명 ?처리|익명",
    re.I,
)
_PARAMETERS = late(
    r"(?<![\w.])(\d+(?:[.,]\d+)?)\s*(B|M|K|billion|million|thousand|억|천만|백만)\b(?:[- ]?(?:parameters?|params|파라미터|매개변수))?", re.I
)
_SCALE = {
    "b": 10**9,
    "billion": 10**9,
    "m": 10**6,
    "million": 10**6,
    "k": 1000,
    "thousand": 1000,
    "억": 10**8,
    "천만": 10**7,
    "백만": 10**6,
}
_DIRECT: Final = frozenset(
    {"supplier", "author", "task", "architecture_family", "hardware", "contact", "training_data", "compliance", "personal_data"}
)


def facts(card: Card, about: str, *, titled: bool = True, sure: float = PROSE) -> Iterator[Statement | Reference]:
    """The statements of a card's text. `about`: what it is a card of; `titled`: whether its first heading is the name of that."""
    title = next((s for s in card.sections if s.level == 1 and s.title), None)
    if titled and title is not None and (name := card_title(title.title)):
        yield Statement(field="name", value=name, about=about, evidence=prose(title.line, confidence=max(sure, 0.5)))
    first = next(
        (
            (line, text)
            for s in card.sections[:6]
            if not headings.fields_of(s.title) or s is title
            for line, text in paragraphs(s)
            if len(text) > 20
        ),
        None,
    )
    if first is not None and titled:
        yield Statement(field="description", value=first[1][:TEXT_LIMIT], about=about, evidence=prose(first[0], confidence=sure))
        yield from _intro(first[0], first[1], about, sure)
    for number, section in enumerate(card.sections):
        yield from _section(card.sections, number, section, about, sure)
        if sure >= PROSE or section is title or not section.level:  # elsewhere in a README that is no card, labels are about anything
            yield from _labels(section, about, sure)
        yield from _figures(section, about, sure)


def card_title(text: str) -> str:
    """The name in a title (`Model Card for X` is X), or "" for a title that names nothing."""
    name = _CARD_FOR.sub("", text).strip(" :#`")
    name = re.sub(r"^[^\w가-힣(]+|[^\w가-힣)!+]+$", "", name).strip()
    if not name or len(name) > 120 or _GENERIC.match(name):
        return ""
    return name.rsplit("/", 1)[-1] if re.fullmatch(r"[\w.-]+/[\w.-]+", name) else name


def _intro(line: int, text: str, about: str, sure: float) -> Iterator[Statement]:
    """Version, date of release and maker that the first paragraph says."""
    if version := _VERSION.search(text):
        yield Statement(field="version", value=version[1], about=about, evidence=prose(line, confidence=sure))
    for sentence in _SPLIT.split(text):
        if _RELEASED.search(sentence) and (date := date_of(sentence)):
            yield Statement(field="released", value=date, about=about, evidence=prose(line, confidence=sure))
            break
    if maker := _BY.search(text) or _BY_KOREAN.search(text):
        name = next(g for g in maker.groups() if g).strip(" .")
        if name.lower() not in NOTHING and len(name) > 1:
            yield Statement(field="supplier", value=name, about=about, evidence=prose(line, confidence=min(sure, 0.35)))


def date_of(text: str) -> str | None:
    """The first full date in a text as `YYYY-MM-DD`, or None."""
    for m in _DATE.finditer(text):
        year, month, day = (
            (m[1], m[2], m[3]) if m[1] else (m[6], m[4], m[5]) if m[4] else (m[9], m[8], m[7]) if m[8] else (m[10], m[11], m[12])
        )
        if not month.isdigit():
            number = next((n for n, name in enumerate(_MONTHS, 1) if name.startswith(month.lower()) and len(month) > 2), 0)
        else:
            number = int(month)
        if 1990 <= int(year) <= 2100 and 1 <= number <= 12 and 1 <= int(day) <= 31:
            return f"{int(year):04d}-{number:02d}-{int(day):02d}"
    return None


def _section(sections: list[Section], number: int, section: Section, about: str, sure: float) -> Iterator[Statement | Reference]:
    """The text under a heading of the table, with what stands under its sub-headings."""
    wanted = headings.fields_of(section.title) if section.level else []
    if not wanted:
        return
    rows = list(section.rows)
    for below in sections[number + 1 :]:
        if below.level <= section.level:
            break
        rows += [(below.line, below.title), *below.rows]
    text, last = _joined(rows)
    if len(text) < 3 or text.lower().strip("[] .") in NOTHING or text.lower().startswith("[more information needed"):
        return
    start = next((n for n, row in rows if row.strip()), section.line)
    for field in wanted:
        if field == "hardware":
            continue
        yield Statement(field=field, value=text[:TEXT_LIMIT], about=about, evidence=prose(start, last, sure))
    if "io_text" in wanted:
        yield from _io(text, start, about, sure)
    if {"training", "training_data"} & set(wanted) and about == "owner":
        for value, pattern in _APPROACH:
            if re.search(pattern, text, re.I):
                yield Statement(field="approach", value=value, about=about, evidence=prose(start, last, sure))
                break
    if "training_data" in wanted and about == "owner":
        yield from _linked_datasets(rows, sure)


def _joined(rows: list[tuple[int, str]]) -> tuple[str, int]:
    """Rows of Markdown as one plain text, and the number of the last that counts."""
    parts: list[str] = []
    size = last = 0
    for number, row in rows:
        if re.match(r"\s*\|?[\s:|-]+\|?\s*\Z", row):
            continue
        if text := plain(re.sub(r"^\s*(?:[-*+>]|\d+[.)])\s+", "", row)):
            parts.append(text)
            size += len(text) + 1
            last = number
        if size > TEXT_LIMIT:
            break
    return " ".join(parts), last


def _linked_datasets(rows: list[tuple[int, str]], sure: float) -> Iterator[Reference]:
    """Data sets that the text about training data links to on the hub."""
    for number, row in rows:
        for link in re.findall(r"https?://(?:www\.)?huggingface\.co/datasets/[\w./-]+", row):
            yield from dataset(Located(Node("scalar", link.rstrip("./"), number, plain=False)), Role.TRAIN, anything=False, confidence=sure)


def _io(text: str, line: int, about: str, sure: float) -> Iterator[Statement]:
    for field, pattern in (("input", _INPUT), ("output", _OUTPUT)):
        if (m := pattern.search(text)) and (value := m[1].strip(" .;")):
            yield Statement(field=field, value=value[:300], about=about, evidence=prose(line, confidence=sure))


def _labels(section: Section, about: str, sure: float) -> Iterator[Statement | Reference]:
    """Labelled lines: `- **Developed by:** X`, `Version: 1.0`, rows of tables of two columns."""
    fence = False
    for number, row in section.rows:
        if re.match(r"\s*(?:```|~~~)", row):
            fence = not fence
        found = None if fence else _LABEL.match(row) or _ROW.match(row)
        if found is None:
            continue
        field, value = headings.label_field(plain(found[1])), plain(found[2]).strip(" .|")
        if (
            not field
            or not value
            or value.lower().strip("[].") in NOTHING
            or value.lower().startswith(("[more information", "more information needed"))
        ):
            continue
        if field in ("input", "output") and _OUTPUT.search(value) and field == "input":
            yield from _io(plain(row), number, about, sure)
            continue
        yield from _label(field, value, found, number, about, sure)


def _label(field: str, value: str, match: re.Match[str], line: int, about: str, sure: float) -> Iterator[Statement | Reference]:
    label, written = match[1], match[2]
    evidence = prose(line, confidence=sure)
    if field == "shared_by":
        field = "author"
    if field in _DIRECT and len(value) <= 400:
        yield Statement(field=field, value=value[:TEXT_LIMIT], about=about, evidence=evidence)
    elif field in ("input", "output") and len(value) <= 300:
        yield Statement(field=field, value=value, about=about, evidence=evidence)
    elif field == "version" and (m := re.match(r"v?(\d+(?:\.\d+)*[\w.+-]*)\Z", value)):
        yield Statement(field=field, value=m[1], about=about, evidence=evidence)
    elif field == "released" and (date := date_of(value)):
        yield Statement(field=field, value=date, about=about, evidence=evidence)
    elif field == "parameters" and (m := _PARAMETERS.search(value)):
        yield Statement(field=field, value=round(float(m[1].replace(",", ".")) * _SCALE[m[2].lower()]), about=about, evidence=evidence)
    elif field == "context_length" and (m := re.match(r"(\d[\d,]*)\s*([kK])?\b", value)):
        yield Statement(field=field, value=int(m[1].replace(",", "")) * (1024 if m[2] else 1), about=about, evidence=evidence)
    elif field in ("vcs", "website", "documentation") and (m := re.search(r"https?://[^\s)>\]\"'|]+", written)):
        yield Statement(field="url", value={"type": field, "url": m[0].rstrip(".,")}, about=about, evidence=evidence)
    elif field == "base" and about == "owner":
        link = re.search(r"https?://(?:www\.)?huggingface\.co/[\w.-]+/[\w.-]+", written)
        if found := hubnames.hub_name(link[0] if link else value, single=True):
            yield Reference(
                kind=Kind.MODEL,
                name=found.repository,
                role=Role.BASE,
                relation=_relation(label),
                hub="huggingface",
                about=about,
                evidence=evidence,
            )
    elif field == "approach":
        approach = next((name for name, pattern in _APPROACH if re.search(pattern, value, re.I)), None)
        if approach:
            yield Statement(field=field, value=approach, about=about, evidence=evidence)


def _relation(label: str) -> str:
    """How a label says that a model derives from another (`Finetuned from model`)."""
    words = (("fine-?tun", "finetune"), ("quanti", "quantized"), ("distil", "distilled"), ("adapt", "adapter"), ("merge", "merge"))
    return next((relation for word, relation in words if re.search(word, label, re.I)), "unknown")


def _figures(section: Section, about: str, sure: float) -> Iterator[Statement]:
    """Energy, emissions, hardware and words on personal data, wherever the text has them with their unit."""
    wanted = headings.fields_of(section.title)
    fence = False
    for number, row in section.rows:
        if re.match(r"\s*(?:```|~~~)", row):
            fence = not fence
        if fence or not row.strip():
            continue
        text = plain(row)
        around = f"{section.title} {text}"
        if (m := _ENERGY.search(text)) and re.search(r"energy|electric|power|consum|전력|에너지", around, re.I) and about == "owner":
            yield Statement(
                field="energy_kwh",
                value=float(m[1].replace(",", "")) * {"Wh": 1e-3, "kWh": 1.0, "MWh": 1e3, "GWh": 1e6}[m[2]],
                about=about,
                evidence=prose(number, confidence=sure),
            )
        if (c := _CO2.search(text)) and (c[2] or c[4]) and about == "owner":
            unit = (c[2] or c[4]).lower()
            factor = 1.0 if unit == "g" else 1e3 if unit == "kg" else 1e6
            yield Statement(
                field="co2_grams",
                value=float((c[1] or c[3]).replace(",", "")) * factor,
                about=about,
                evidence=prose(number, confidence=sure),
            )
        if (
            about == "owner"
            and ({"training", "hardware", "environment"} & set(wanted) or re.search(r"train|hardware|GPU|학습|하드웨어", text, re.I))
            and (g := _GPU.search(text))
        ):
            yield Statement(field="hardware", value=" ".join(g[0].split()), about=about, evidence=prose(number, confidence=sure))
        if about == "dataset" and _PERSONAL.search(text) and "personal_data" not in wanted:
            sentence = next((s for s in _SPLIT.split(text) if _PERSONAL.search(s)), text)
            yield Statement(field="personal_data", value=sentence[:TEXT_LIMIT], about=about, evidence=prose(number, confidence=sure))
