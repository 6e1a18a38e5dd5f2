"""Model cards, dataset cards, spaces, and READMEs that are none of these."""

from __future__ import annotations

import pytest

from mlsbom.inspectors.documents import card_text, headings
from mlsbom.model import Reference

from .reading import licenses, line, read, references, shortfalls, stated

CARD = """---
license: other
license_name: acme-1.0
license_link: LICENSE
language:
- no
- ko
pipeline_tag: image-segmentation
library_name: acme-vision
base_model: acme-lab/backbone
datasets:
- acme-lab/streets
- word
tags:
- vision
- arxiv:2101.00001
- base_model:quantized:acme-lab/other
model-index:
- name: acme-seg
  results:
  - task: {type: image-segmentation}
    dataset:
      name: Streets val
      type: acme-lab/streets-val
      split: validation
      revision: 0123456789abcdef0123456789abcdef01234567
    metrics:
    - type: miou
      value: 0.81
    - type: note
      value: null
co2_eq_emissions: 12.5
---
# Acme Seg

![badge](https://img.example/x.svg)

Acme Seg is a segmentation model by Acme Vision Lab. Version 2.1.0, released on March 5, 2026.

## Uses
### Direct use
Street scenes.
### Out-of-Scope Use
Medical images.
## Bias, Risks, and Limitations
Trained on Europe only.
## Training Details
- **Hardware:** 4 x A100-80GB
Training took 310 kWh of energy. It was trained with self-supervised learning.
## 입력과 출력
입력: RGB 이미지. 출력: 마스크
"""


def test_front_matter() -> None:
    facts = read("README.md", CARD)
    (claim,) = licenses(facts)
    assert (claim.value, claim.name, claim.url, claim.part, claim.evidence.line) == ("other", "acme-1.0", "LICENSE", "model", 2)
    assert stated(facts, "language") == ["no", "ko"]
    assert stated(facts, "task")[0] == "image-segmentation" and line(facts, "task") == 8
    assert stated(facts, "co2_grams") == [12.5]
    assert {"type": "documentation", "url": "https://arxiv.org/abs/2101.00001"} in stated(facts, "url")
    assert stated(facts, "metric") == [{"type": "miou", "value": 0.81, "dataset": "Streets val", "name": "miou", "slice": "validation"}]
    assert line(facts, "metric") == 29
    assert set(references(facts)) == {
        ("base", "acme-lab/backbone", 10),
        ("train", "acme-lab/streets", 12),
        ("train", "word", 13),
        ("base", "acme-lab/other", 17),
        ("test", "acme-lab/streets-val", 24),
    }
    assert shortfalls(facts) == []


def test_text() -> None:
    facts = read("README.md", CARD)
    assert "Acme Seg" in stated(facts, "name")
    assert stated(facts, "description")[0].startswith("Acme Seg is a segmentation model")
    assert stated(facts, "version") == ["2.1.0"]
    assert stated(facts, "released") == ["2026-03-05"]
    assert stated(facts, "supplier") == ["Acme Vision Lab"]
    assert "Street scenes." in stated(facts, "intended_use")[0]
    assert stated(facts, "out_of_scope") == ["Medical images."]
    assert stated(facts, "limitation") == stated(facts, "bias") == ["Trained on Europe only."]
    assert stated(facts, "energy_kwh") == [310.0]
    assert stated(facts, "approach") == ["self-supervised"]
    assert "4 x A100-80GB" in stated(facts, "hardware")
    assert stated(facts, "input")[0] == "RGB 이미지" and stated(facts, "output")[0] == "마스크"
    assert all(f.evidence.confidence <= 0.5 for f in facts if f.evidence.technique == "other")


@pytest.mark.parametrize(
    ("front", "relation"),
    [
        ("base_model: a/b", "unknown"),
        ("base_model: a/b\nbase_model_relation: quantized", "quantized"),
        ("base_model: a/b\nlibrary_name: peft", "adapter"),
        ("base_model: a/b\ntags: [gguf]", "quantized"),
        ("base_model: a/b\ntags: [generated_from_trainer]", "finetune"),
        ("base_model: [a/b, c/d]", "unknown"),
        ("base_model: [a/b, c/d]\ntags: [mergekit]", "merge"),
        ("base_model: https://huggingface.co/a/b", "unknown"),
    ],
)
def test_relations(front: str, relation: str) -> None:
    found = [f for f in read("m/README.md", f"---\n{front}\n---\n") if isinstance(f, Reference)]
    assert found and {f.relation for f in found} == {relation} and found[0].name == "a/b"


DATA = """---
pretty_name: Acme Streets
license: cc-by-4.0
size_categories: [1K<n<10K]
task_categories:
- image-segmentation
source_datasets:
- original
- extended|acme-lab/raw
configs:
- config_name: default
  data_files:
  - {split: train, path: "train/*.parquet"}
dataset_info:
  features:
  - {name: image, dtype: image}
  splits:
  - {name: train, num_examples: 1000, num_bytes: 5}
---
# Acme Streets
Photographs collected by Acme Vision Lab. Faces are blurred; it holds no personal data.
"""


def test_a_data_set() -> None:
    facts = read("data/README.md", DATA)
    assert stated(facts, "name", "dataset")[0] == "Acme Streets"
    assert [(c.value, c.about, c.part) for c in licenses(facts)] == [("cc-by-4.0", "dataset", "dataset")]
    assert references(facts) == [("source", "acme-lab/raw", 9)]
    assert stated(facts, "size_category") == ["1K<n<10K"]
    assert stated(facts, "rows") == [1000]
    assert stated(facts, "data_file") == ["train/*.parquet"]
    assert stated(facts, "personal_data", "dataset") == ["Faces are blurred; it holds no personal data."]
    assert all(getattr(f, "about", "dataset") == "dataset" for f in facts)


@pytest.mark.parametrize(
    ("path", "text", "about"),
    [
        ("README.md", "---\nlicense: mit\n---\n", {"owner"}),
        ("data/README.md", "---\nlicense: mit\n---\n", {"dataset"}),
        ("x/DATASET_CARD.md", "# Data\nA data set of street names and such.\n", {"dataset"}),
        ("README.md", "---\nsdk: gradio\ntitle: Demo\nmodels: [a/b]\n---\n", {"root", "owner", None}),  # None: the gradio that it runs on
        ("docs/README.md", "# Docs\n\nHow to build the documentation of this.\n", set()),
    ],
)
def test_which_kind(path: str, text: str, about: set[str]) -> None:
    assert {getattr(f, "about", None) for f in read(path, text)} == about


@pytest.mark.parametrize(
    ("text", "kept", "why"),
    [
        ("---\nlicense: mit\ntags: [a\nlanguage: en\n---\n", ["mit"], "no valid YAML"),
        ("---\nlicense: mit\nlicense: gpl-3.0\n---\n", ["gpl-3.0"], "occurs twice"),
        ("---\nlicense: mit\n# never closed\n", ["mit"], "not closed"),
        (
            "---\na: &a [x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
            + "license: mit\n---\n",
            ["mit"],
            "bomb",
        ),
    ],
)
def test_what_cannot_be_read_is_said(text: str, kept: list[str], why: str) -> None:
    facts = read("README.md", text)
    assert [c.value for c in licenses(facts)] == kept
    assert any(why in s for s in shortfalls(facts))


def test_a_rule_is_no_front_matter() -> None:
    facts = read("README.md", "---\n\n# Acme Thing\n\n---\n\nA thing that does something useful.\n")
    assert stated(facts, "name") == ["Acme Thing"] and shortfalls(facts) == []


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Model Card for Acme-7B", "Acme-7B"),
        ("🚀 Acme-7B", "Acme-7B"),
        ("acme-lab/acme-7b", "acme-7b"),
        ("Model Card", ""),
        ("README", ""),
        ("모델 카드", ""),
        ("Acme 한국어 모델", "Acme 한국어 모델"),
    ],
)
def test_titles(title: str, name: str) -> None:
    assert card_text.card_title(title) == name


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("on 2026-05-01.", "2026-05-01"),
        ("May 1, 2026", "2026-05-01"),
        ("1 May 2026", "2026-05-01"),
        ("2026년 5월 1일", "2026-05-01"),
        ("2026-13-01", None),
        ("1.2.3", None),
        ("Version 5", None),
    ],
)
def test_dates(text: str, date: str | None) -> None:
    assert card_text.date_of(text) == date


@pytest.mark.parametrize(
    ("title", "fields"),
    [
        ("Intended uses & limitations", {"intended_use", "limitation"}),
        ("Out-of-Scope Use", {"out_of_scope"}),
        ("Training Data", {"training_data"}),
        ("Training procedure", {"training"}),
        ("Environmental Impact", {"environment"}),
        ("한계", {"limitation"}),
        ("학습 데이터", {"training_data"}),
        ("개인정보", {"personal_data"}),
        ("Installation", set()),
        ("License", set()),
    ],
)
def test_headings(title: str, fields: set[str]) -> None:
    assert set(headings.fields_of(title)) == fields


def test_labels_of_a_readme_that_is_no_card() -> None:
    facts = read(
        "README.md",
        "# Acme Tool\n\nA tool that does something useful.\n\n## Options\n- Input: a path\n- Version: 3.1\n- Date: 2020-01-01\n",
    )
    assert stated(facts, "input") == stated(facts, "version") == stated(facts, "released") == []
    assert all(f.evidence.confidence <= 0.5 for f in facts)
