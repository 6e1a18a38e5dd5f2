"""Korean of the rubric's checks and of sentences that the gate writes. The English originals stand beside the code."""

from __future__ import annotations

from typing import Final

from mlsbom.patterns import late

CHECKS: Final[dict[str, tuple[str, str]]] = {
    "AU1": ("이름, 제작자, 버전이 알려져 있음", "모델 카드나 가중치 메타데이터에 명시하고, 패키지는 정확한 버전으로 고정하십시오."),
    "AU2": ("모든 파일의 SHA-256", "파일을 함께 제공하거나, 의존 항목은 해시로, 컨테이너 이미지는 다이제스트로 고정하십시오."),
    "AU3": ("원본 리비전이 40자리 커밋임", "커밋을 명시하십시오: 코드의 revision=..., requirements의 @COMMIT, 납품물의 git 메타데이터."),
    "AU4": (
        "기반 모델 계보가 뿌리까지 고정됨",
        "카드에 base_model과 커밋을 적거나, 모든 가중치가 무작위로 초기화되었음을 확인서로 제출하십시오.",
    ),
    "AU5": (
        "데이터셋의 식별자·라이선스·해시 또는 사유",
        "데이터셋을 리비전·라이선스와 함께 카드에 적거나, 적지 못하는 사유를 확인서로 제출하십시오.",
    ),
    "AU6": ("카드에 학습, 입출력, 한계가 기술됨", "모델 카드에 해당 항목을 작성하십시오."),
    "AU7": ("설정, 텐서 형상, 토크나이저가 일치함", "이 가중치에 맞는 설정 파일을 제공하십시오."),
    "AU8": (
        "하위 모듈별 초기화: 무작위, 명시된 구성요소에서 사전학습, 또는 미상",
        'mlsbom.toml에 kind = "initialisation" 확인서를 하위 모듈별로 작성하십시오.',
    ),
    "AU9": ("서명되었고 지정된 신원으로 검증됨", "폴더에 서명(mlsbom sign)하고 구매자에게 신원을 알리십시오."),
    "AU10": ("학습 코드와 데이터 정보가 있음", "학습 설정을 제공하고 데이터를 명시하십시오."),
    "AU11": ("가중치 계보에 선언되지 않은 원본이 없음", "원본을 base_model로 선언하거나 비교 결과를 설명하십시오."),
    "LI1": ("라이선스가 알려져 있음", "카드의 license 항목이나 메타데이터에 SPDX 표현식으로 명시하십시오."),
    "LI2": ("라이선스 전문이 포함됨", "모델과 함께 라이선스 전문(LICENSE)을 두십시오."),
    "LI3": ("카드, 파일, 식별된 전문이 일치함", "잘못된 쪽을 바로잡으십시오. 발견 사항에 두 값이 모두 표시됩니다."),
    "LI4": ("프로파일의 이용 조건에서 위반 없음", "이용 방식이나 구성요소를 바꾸거나 별도 라이선스를 받으십시오."),
    "LI5": ("고지, 명칭, 전달 조건을 충족함", "mlsbom licenses notices TARGET -o DIR 로 모아 함께 제공하십시오."),
    "LI6": ("모든 상위 구성요소가 2단계 이상", "표시된 상위 구성요소를 2단계로 올리거나 교체하십시오."),
    "LI7": ("임의 철회·변경 불가, 원격 제한·분야 제한 없음", "라이선스가 지속되는 구성요소를 선택하십시오."),
    "SE1": ("검사가 완전하고 버전과 날짜가 있음", "읽지 못한 파일을 고치거나 제거하십시오."),
    "SE2": ("악성 요소 없음", "표시된 항목을 제거하십시오. 예외 승인이 되지 않습니다."),
    "SE3": ("형식이 알려져 있고 위험한 형식이 열거됨", "알려진 형식으로 제공하십시오."),
    "SE4": (
        "데이터 전용 형식이거나 해시가 검토된 코드",
        'safetensors, GGUF, ONNX로 변환하거나 해시를 적은 kind = "code-review" 확인서를 제출하십시오.',
    ),
    "SE5": ("서명이 검증됨", "폴더에 서명하십시오: mlsbom sign."),
    "SE6": ("승인되지 않은 높음·치명적 발견 사항 없음", "각 발견 사항의 조치를 따르거나 사유·담당자·만료일을 적어 예외 승인하십시오."),
    "SE7": ("제작자가 아닌 자가 180일 이내에 검토함", '해시를 적은 kind = "review", role = "third-party" 확인서를 제출하십시오.'),
    "SE8": ("30일 이내에 다시 검사함", "다시 검사하십시오."),
    "RE1": ("공개되고 문서화된 형식", "공개 형식으로 변환하십시오."),
    "RE2": ("대체재가 지정됨", 'mlsbom.toml에 kind = "alternative" 확인서를 작성하십시오.'),
    "RE3": ("대체재가 2단계 이상", "대체재를 같은 프로파일로 검사하고 단계를 적으십시오."),
    "RE4": ("같은 인터페이스", "value.interface에 모달리티, 문맥 길이, 토크나이저 또는 어댑터를 적으십시오."),
    "RE5": ("교체 시험 결과가 첨부됨", '결과 파일과 함께 kind = "swap-test" 확인서를 제출하십시오.'),
    "RE6": ("교체 시험이 CI에서 실행됨", 'kind = "swap-ci" 확인서를 제출하십시오.'),
    "RE7": ("대체재의 공급자와 관할이 다름", "value.supplier와 value.jurisdiction에 적으십시오."),
    "RE8": ("재학습용 데이터나 어댑터를 보관함", 'kind = "retune" 확인서를 제출하십시오.'),
    "CO1": ("모든 파일을 로컬에 보유함", "포인터나 이름이 아니라 파일 자체를 제공하십시오."),
    "CO2": ("공급자와 준거법이 기록됨", 'kind = "jurisdiction" 확인서를 제출하십시오.'),
    "CO3": (
        "실행에 외부 접속·키·원격 측정이 필요 없음",
        "호출을 제거하거나 선택 사항으로 바꾸고, 격리망 실행을 확인서로 제출하십시오.",
    ),
    "CO4": ("키 보관자가 명시됨", '보관자를 적은 kind = "custody" 확인서를 제출하십시오.'),
    "CO5": ("라이선스에 원격 제한이 없고 위반 시에만 종료됨", "차단될 수 없는 라이선스의 구성요소를 선택하십시오."),
    "CO6": ("격리망에서의 실행 기록", '기록을 첨부한 kind = "isolated-start" 확인서를 제출하십시오.'),
    "CO7": ("수정할 권리와 수단", 'kind = "modify" 확인서를 제출하십시오.'),
    "CO8": ("구매자가 업데이트 서명 루트를 보유함", 'kind = "signing-root" 확인서를 제출하십시오.'),
}
"""Check -> (title, remedy)."""

_CRITERIA: Final = {
    "auditable": "감사 가능성",
    "license-clean": "라이선스 적합성",
    "security-reviewed": "보안 검토",
    "replaceable": "대체 가능성",
    "controllable": "통제 가능성",
}
_SEVERITY: Final = {"critical": "치명적", "high": "높음", "medium": "중간", "low": "낮음", "info": "정보"}
_FOUND = late(r"(\d+) (critical|high|medium|low|info) findings?")
_LEVEL = late(r"([a-z-]+)(?: of [a-z-]+)?: (.+) is at level (\d), (\d) is required(?:, and (\d+) more)?")
_EXACT = late(r"(\S+) (.+) has not (an exact version|a purl|an exact version and a purl)")
_LACKS: Final = {"an exact version": "정확한 버전", "a purl": "purl", "an exact version and a purl": "정확한 버전과 purl"}


def reason(text: str) -> str:
    """A reason of the gate in Korean; the English where it is none that is known."""
    if m := _FOUND.fullmatch(text):
        return f"심각도 {_SEVERITY[m[2]]} 발견 사항 {m[1]}건"
    if (m := _LEVEL.fullmatch(text)) and m[1] in _CRITERIA:
        return f"{_CRITERIA[m[1]]}: {m[2]} {m[3]}단계, {m[4]}단계 필요" + (f", 외 {m[5]}건" if m[5] else "")
    if m := _EXACT.fullmatch(text):
        return f"{m[2]}: {_LACKS[m[3]]} 없음"
    return text


_AMOUNT: Final = (
    (late(r"\bmau=(\d+)"), "above {:,} monthly users", "월간 이용자 {:,}명 초과"),
    (late(r"\brevenue(?:_usd)?=(\d+)"), "above {:,} US dollars of yearly revenue", "연 매출 {:,} 미국 달러 초과"),
    (late(r"\bneeds-licence\b"), "needs another licence", "별도 라이선스 필요"),
    (late(r"^policy$"), "as the use policy lists them", "이용 정책에 열거됨"),
    (late(r"^barred$"), "barred", "금지"),
    (late(r"^attribution$"), "with attribution", "저작자 표시"),
)


def amount(value: str) -> tuple[str, str]:
    """The value of a clause in words, English and Korean; what is no known figure stays as it is written."""
    en = ko = value
    for pattern, english, korean in _AMOUNT:
        en = pattern.sub(lambda m, form=english: form.format(*map(int, m.groups())), en)  # type: ignore[misc]
        ko = pattern.sub(lambda m, form=korean: form.format(*map(int, m.groups())), ko)  # type: ignore[misc]
    return en, ko
