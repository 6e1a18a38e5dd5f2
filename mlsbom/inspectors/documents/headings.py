"""Headings and labels of model and dataset cards, English and Korean, and the field that each means.

Sources: the model card and dataset card templates of the Hugging Face hub, "Model Cards for Model Reporting" (Mitchell et al., 2019,
section 4), the fields of `specs/sbom.md` section 2.
"""

from __future__ import annotations

import re
from typing import Final

from mlsbom.patterns import late

HEADINGS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (field, late(pattern, re.I))
    for field, pattern in (
        (
            "out_of_scope",
            r"out[- ]of[- ]scope|misuse|not (?:be )?(?:intended|suitable)|prohibited|should not be used|"
            r"범위 ?(?:외|밖)|금지|오용|사용하지 말",
        ),
        (
            "intended_use",
            r"intended (?:use|application|purpose)|\buses?\b(?! of (?:data|training))|use cases?|direct use|downstream use|"
            r"applications?|purpose|의도된|용도|사용 ?목적|활용|사용 ?사례|적용 ?분야",
        ),
        ("limitation", r"limitation|known issues|caveats|weakness|한계|제한 ?사항|제약|주의 ?사항|알려진 문제"),
        ("bias", r"\bbias|fairness|편향|공정성"),
        ("ethics", r"ethic|responsible|societal|윤리|책임"),
        ("safety", r"safety|\brisks?\b|harm|red[- ]team|안전|위험"),
        ("tradeoff", r"trade-?offs?|상충"),
        ("preprocessing", r"pre-?processing|data (?:cleaning|processing|preparation)|전처리|정제"),
        (
            "training_data",
            r"(?:training|pre-?training|fine-?tuning|instruction) (?:data|datasets?|corpus|corpora)|\bdata ?sources?|datasets? used|"
            r"^data$|^datasets?$|(?:학습|훈련|사전학습) ?(?:데이터|자료|말뭉치)|데이터 ?(?:셋|세트|출처)",
        ),
        (
            "training",
            r"training (?:procedure|details|process|setup|regime|hyper)|how (?:it|this|the model) was trained|pre-?training|"
            r"fine-?tuning|^training$|^train$|(?:학습|훈련) ?(?:방법|과정|절차|설정|상세|정보)?$|미세 ?조정",
        ),
        ("evaluation", r"evaluat|benchmark|results?$|performance|metrics|accuracy|평가|성능|벤치마크|결과"),
        ("environment", r"environmental|carbon|emission|energy|co2|환경 ?영향|탄소|에너지|전력"),
        ("io_text", r"inputs?(?: and|/|,| &| ?·)? ?(?:outputs?)?(?: format)?$|outputs?(?: format)?$|input[- /]output|입력|출력|입출력"),
        ("citation", r"citation|cite|bibtex|인용"),
        ("contact", r"contact|maintainers?|support|문의|연락|담당자"),
        (
            "usage",
            r"usage|how to (?:use|get started)|get(?:ting)? started|quick ?start|examples?$|inference|"
            r"사용 ?(?:법|방법|예)|빠른 시작|시작하기|추론",
        ),
        ("explainability", r"explainab|interpretab|설명 ?가능성"),
        ("hardware", r"hardware|compute infrastructure|computational|하드웨어|장비|연산 ?자원"),
        ("security_control", r"security (?:controls?|measures?|considerations?)|보안 ?(?:통제|대책|조치)"),
        ("compliance", r"compliance|regulat|standards?|conformity|준수|규정|인증|표준"),
        ("personal_data", r"personal (?:and sensitive )?(?:information|data)|privacy|sensitive information|개인 ?정보|민감 ?정보"),
        ("collection", r"data collection|collection process|curation|source data|annotation process|수집"),
        ("annotations", r"annotators?|annotations?$|labell?ing|주석|라벨"),
        ("governance", r"dataset curators?|governance|curators|관리 ?주체"),
    )
)
"""(field, pattern of the heading): a heading gives every field whose pattern it fits, the first of `_SINGLE` alone."""

_ONE_OF: Final = ("out_of_scope", "intended_use", "usage")
_EITHER: Final = (
    ("training_data", "training"),
    ("out_of_scope", "intended_use"),
    ("preprocessing", "training"),
    ("personal_data", "safety"),
)


def fields_of(title: str) -> list[str]:
    """The fields that the text under a heading is about."""
    title = re.sub(r"^[^\w가-힣]+", "", title).strip(" :.")
    if not title or len(title) > 90:
        return []
    found = [field for field, pattern in HEADINGS if pattern.search(title)]
    for first, second in _EITHER:
        if first in found and second in found:
            found.remove(second)
    return found


LABELS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (field, late(rf"(?:{pattern})\Z", re.I))
    for field, pattern in (
        (
            "supplier",
            r"(?:model |dataset )?(?:developed by|created by|creators?|developers?|publisher|provider|vendor|organi[sz]ation|"
            r"model creator|curated by|produced by|maintained by)|"
            r"개발(?:자|사|기관)|제작(?:자|사)?|만든 ?(?:이|곳)|공급(?:자|사)|제공(?:자|기관)",
        ),
        ("author", r"authors?|저자|작성자"),
        ("shared_by", r"shared by(?: \[optional\])?"),
        ("version", r"(?:model )?version|버전|모델 버전"),
        (
            "released",
            r"(?:release|released|model release|publication|published)(?: date| on)?|date|model dates?|출시일?|공개일|배포일|발행일",
        ),
        ("task", r"task|model task|과제|작업"),
        ("architecture_family", r"(?:model )?architecture|model type|아키텍처|모델 ?(?:구조|종류|유형)"),
        ("parameters", r"(?:number of |model )?param(?:eter)?s?(?: count)?|model size|파라미터(?: 수)?|매개변수(?: 수)?|모델 크기"),
        (
            "context_length",
            r"context (?:length|window|size)|max(?:imum)? (?:sequence |context )?length|sequence length|컨텍스트 ?(?:길이|창)|문맥 ?길이",
        ),
        ("language_text", r"languages?(?: ?\(s\))?(?: \(nlp\))?|언어"),
        ("license_text", r"licen[cs]e|라이(?:선|센)스|사용 ?허가"),
        (
            "base",
            r"(?:fine-?tuned|quantized|derived|adapted|distilled) from(?: model)?(?: \[optional\])?|base model(?:s)?|parent model|"
            r"original model|기반 ?모델|베이스 ?모델|원본 ?모델",
        ),
        ("hardware", r"hardware(?: type| used| platform)?|gpus?|accelerators?|compute|하드웨어|장비|GPU|가속기"),
        ("co2", r"carbon emitted|co2(?: ?eq)?(?: emissions?)?|carbon(?: footprint)?|emissions|탄소 ?배출(?:량)?"),
        ("energy", r"(?:training |total )?(?:energy|power)(?: consumption| usage| use)?|전력 ?(?:사용|소비)량?|에너지 ?(?:사용|소비)량?"),
        ("vcs", r"repository|github|source code|code|저장소|소스 ?코드"),
        ("website", r"homepage|website|project page|demo(?: \[optional\])?|홈페이지|데모"),
        ("documentation", r"paper(?: \[optional\])?|arxiv|documentation|docs|논문|문서"),
        ("contact", r"(?:point of )?contact(?: email)?|e-?mail|문의(?:처)?|연락처"),
        ("input", r"inputs?(?: format| type| modalit(?:y|ies))?|입력(?: ?형식)?"),
        ("output", r"outputs?(?: format| type| modalit(?:y|ies))?|출력(?: ?형식)?"),
        ("training_data", r"training data(?:sets?)?|dataset(?:s)?(?: used)?|학습 ?데이터"),
        ("approach", r"(?:training|learning) (?:approach|method|paradigm|type)|학습 ?방식"),
        ("compliance", r"compliance|standards?|regulations?|준수 ?(?:규정|표준)"),
        ("personal_data", r"personal (?:data|information)|pii|개인 ?정보(?: ?포함 ?여부)?"),
    )
)
"""(field, pattern of a whole label): `**Developed by:** …` and the like, as lists, lines or rows of a table of two columns."""


def label_field(label: str) -> str:
    """The field that a label means, or ""."""
    label = re.sub(r"\s+", " ", label).strip(" :*_-")
    return next((field for field, pattern in LABELS if pattern.match(label)), "")
