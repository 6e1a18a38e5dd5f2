"""What a trainer wrote about its run: `trainer_state.json`, `all_results.json` and their kin."""

from __future__ import annotations

from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.formats import located
from mlsbom.formats.located import Located
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.documents.common import HINT, doubled, state
from mlsbom.model import Rule, Statement

RULES: tuple[Rule, ...] = ()
_STATE = ("num_train_epochs", "max_steps", "global_step", "train_batch_size", "epoch")
_METRIC_PARTS = (
    "loss",
    "accuracy",
    "acc",
    "f1",
    "bleu",
    "rouge",
    "wer",
    "cer",
    "perplexity",
    "exact_match",
    "em",
    "mse",
    "mae",
    "r2",
    "auc",
    "precision",
    "recall",
    "map",
    "ndcg",
    "mrr",
    "score",
    "samples_per_second",
    "pearson",
    "spearman",
    "spearmanr",
    "miou",
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Hyperparameters and metrics of a run. Raises Malformed for what is no JSON."""
    document = blob.parsed(located.read_json)
    root, name = document.root, (context.member or context.path).rpartition("/")[2].lower()
    if root.kind != "mapping":
        return
    yield from doubled(document.duplicates)
    if name == "trainer_state.json":
        yield from _state(root)
    elif name != "training_args.json":
        yield from _metrics(root)


def _state(root: Located) -> Iterator[Statement]:
    for key in _STATE:
        value = root.get(key)
        if value is not None and isinstance(value.value, (int, float)):
            yield from state("hyperparameter", value, plain={"name": key, "value": value.value})
    best = root.get("best_metric")
    if best is not None and isinstance(best.value, (int, float)) and not isinstance(best.value, bool):
        yield from state("metric", best, plain={"type": "best_metric", "value": best.value})
    yield from state("hint_name", root.get("best_model_checkpoint"), confidence=HINT)


def _metrics(root: Located) -> Iterator[Statement]:
    for key, value in root.items():
        words = key.lower().removeprefix("eval_").removeprefix("train_").removeprefix("test_").removeprefix("predict_")
        number = value.value
        if (
            isinstance(number, (int, float))
            and not isinstance(number, bool)
            and (words in _METRIC_PARTS or words.rsplit("_", 1)[-1] in _METRIC_PARTS)
            and abs(number) < 1e300
        ):
            split = key.split("_", 1)[0] if key.startswith(("eval_", "train_", "test_", "predict_")) else ""
            yield from state("metric", value, plain={"type": words, "value": number, "name": key, **({"slice": split} if split else {})})
