"""The clause vocabulary: sentences that state a clause, sentences that only sound like it, and the values."""

from __future__ import annotations

import pytest

from mlsbom.licenses import clauses
from mlsbom.licenses.clauses import QUOTE, RESTRICTIVE, find, worst_kind
from mlsbom.licenses.text import from_lines


def found(text: str) -> dict[str, str]:
    return {c.clause: c.value for c in find(from_lines(text.split("\n")))}


@pytest.mark.parametrize(
    ("clause", "value", "sentence"),
    [
        ("noncommercial", "", "You may use the Model for non-commercial purposes."),
        ("noncommercial", "", "The Model may not be used for any commercial purpose."),
        ("noncommercial", "", "상업적 이용은 금지됩니다."),
        ("noncommercial", "", "本软件不得用于任何商业用途。"),
        ("research-only", "", "The license is granted solely for research and evaluation."),
        ("research-only", "", "모델은 연구 목적으로만 사용할 수 있다."),
        ("field-of-use", "military", "You agree not to use the Model for military purposes."),
        ("field-of-use", "guardrail", "Recipients must not delete, remove or disable any inference filters in the Software."),
        ("field-of-use", "national-security", "You will not use the Software for anything that may undermine China's national security."),
        ("territory", "EU,GB,KR", "This agreement does not apply in the European Union, United Kingdom and South Korea."),
        ("territory", "EU", "“Territory” shall mean the worldwide territory, excluding the territory of the European Union."),
        (
            "threshold",
            "mau=700000000 needs-licence",
            "If you have more than 700 million monthly active users, you must request a license from us.",
        ),
        (
            "threshold",
            "revenue_year=1000000 needs-licence",
            "If your annual revenue exceeds USD $1,000,000 you must obtain a license from us.",
        ),
        ("output-training", "barred", "You will not use any output of the Materials to improve any other large language model."),
        (
            "output-training",
            "naming",
            'If you use outputs of the Materials to train an AI model, you shall also include "Example" at the beginning of any such model name.',
        ),
        ("naming", "Example", 'You shall include "Example" at the beginning of the name of any such model.'),
        ("display", "Built with Example", 'You shall prominently display "Built with Example" on a related website.'),
        ("pass-through", "", "The use restrictions must be included as an enforceable provision in any agreement with recipients."),
        ("remote-restriction", "", "Licensor reserves the right to restrict (remotely or otherwise) usage of the Model."),
        ("changeable", "", "The Licensor may amend this Agreement at any time by posting a new version."),
        ("revocable", "stated", "We grant you a limited, revocable license."),
        ("separate-agreement", "registration", "For commercial use you must complete the registration form to obtain permission."),
        ("competitor", "", "You may not use the Model to develop products that compete with the Licensor."),
        ("no-derivatives", "", "You may not create or distribute derivative works of the Model."),
        ("share-alike", "", "Derivative works must be distributed under the same license."),
    ],
)
def test_a_clause_is_found_with_its_value(clause: str, value: str, sentence: str) -> None:
    assert found(sentence).get(clause) == value


@pytest.mark.parametrize(
    ("clause", "sentence"),
    [
        ("noncommercial", "You may use it for commercial or non-commercial purposes."),
        (
            "noncommercial",
            "This alternative is allowed only occasionally and noncommercially, and only if you received the object code with such an offer.",
        ),
        ("revocable", "Licensor grants you a perpetual, irrevocable license."),
        (
            "separate-agreement",
            "Nothing herein shall supersede the terms of any separate license agreement you may have executed with Licensor.",
        ),
        ("changeable", "The Free Software Foundation may publish revised and/or new versions of the License from time to time."),
        ("competitor", "Disputes go to a court of competent jurisdiction."),
        ("territory", "This license is worldwide."),
        ("field-of-use", "You may use the Model for any purpose."),
        ("threshold", "The model has 700 million parameters."),
        ("share-alike", "You may choose to offer support for a fee."),
    ],
)
def test_what_only_sounds_like_a_clause_is_none(clause: str, sentence: str) -> None:
    assert clause not in found(sentence)


def test_the_licence_to_request_above_a_threshold_is_no_separate_agreement() -> None:
    values = found("If you have more than 700 million monthly active users, you must request a license from us.")
    assert set(values) == {"threshold"}


def test_the_heading_of_a_list_bars_what_the_list_names() -> None:
    values = found(
        "You agree not to use the Model:\n\n- In any way that violates law;\n\n- For military use in any way;\n\n- To exploit minors."
    )["field-of-use"].split(",")
    assert {"military", "minors", "illegal"} <= set(values)


def test_a_quote_is_the_sentence_with_its_line_and_never_longer_than_the_limit() -> None:
    long = "word " * 300 + "for non-commercial purposes only " + "word " * 300
    hits = find(from_lines(["Title", "", "You may use it for", "non-commercial purposes only.", "", long]))
    assert (hits[0].line, hits[0].text) == (4, "You may use it for non-commercial purposes only.") or hits[0].line == 3
    assert all(len(h.text) <= QUOTE + 2 for h in hits)
    assert any("non-commercial purposes" in h.text for h in hits)


def test_no_set_of_clauses_makes_an_unknown_text_permissive() -> None:
    assert worst_kind(()) == "unknown"
    assert all(worst_kind([c]) not in ("permissive", "public-domain") for c in clauses.RESTRICTIVE)
    assert worst_kind(["noncommercial", "threshold"]) == "noncommercial"
    assert worst_kind(["notice"]) == "unknown"
    assert "notice" not in RESTRICTIVE


def test_a_line_of_two_megabytes_is_read_in_bounded_time() -> None:
    import time

    start = time.process_time()
    find(from_lines(["may not " * 4000 + "use " * 4000]))
    assert time.process_time() - start < 5
