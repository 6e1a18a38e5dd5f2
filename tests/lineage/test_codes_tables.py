"""Value hashes survive what they must and nothing else; deterministic tables are told from weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlsbom.lineage import build, codes
from mlsbom.lineage.tables import table_kind

from .models import Array, tensor

floats = st.floats(-(2.0**14), 2.0**14, width=32)


def key(x: Array) -> codes.ValueHash | None:
    values = tensor("w", x).open()
    return codes.value_hash(*build.lanes(values), x.size)


@given(hnp.arrays(np.float32, (16, 24), elements=floats), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_hash_is_blind_to_order_and_shape(x: Array, seed: int) -> None:
    other = np.random.default_rng(seed).permutation(x.reshape(-1)).reshape(24, 16)
    assert key(x) == key(other) == key(np.ascontiguousarray(x.T))


def test_hash_survives_casts_in_one_lane_each() -> None:
    x = np.random.default_rng(3).normal(0, 0.01, (64, 64)).astype(np.float32)
    x[:5] = 1e-9  # becomes zero of either sign in float16
    x[5:9] = -1e-9
    plain, half = key(x), key(x.astype(np.float16))
    brain = key(codes.bf16_codes(x))
    assert plain and half and brain
    assert plain.f16 == half.f16
    assert plain.bf16 == brain.bf16
    assert plain != key(x + np.float32(1e-3))


def test_one_value_changed_changes_the_hash() -> None:
    x = np.random.default_rng(4).normal(size=(64, 64)).astype(np.float32)
    y = x.copy()
    y[17, 3] *= 1.5
    assert key(x) != key(y)


@given(hnp.arrays(np.float32, 40, elements=st.floats(width=32, allow_nan=True, allow_infinity=True)))
def test_bfloat16_codes_round_to_nearest_and_keep_what_is_no_number(x: Array) -> None:
    back = codes.bf16_floats(codes.bf16_codes(x))
    assert np.array_equal(np.isnan(x), np.isnan(back))
    fine = np.isfinite(x) & (np.abs(x) < 3e38) & (np.abs(x) > 1e-37)
    assert (np.abs(back[fine] - x[fine]) <= np.abs(x[fine]) * 2.0**-8).all()


def test_the_other_lane_needs_no_pass_over_the_values() -> None:
    x = np.random.default_rng(5).normal(0, 3, 5000).astype(np.float32)
    stored = codes.bf16_codes(x)
    as_floats = codes.bf16_floats(stored)
    for a, b in zip(build.lanes(tensor("w", stored).open()), build.lanes(tensor("w", as_floats).open()), strict=True):
        assert np.array_equal(a, b)
    half = x.astype(np.float16)
    for a, b in zip(build.lanes(tensor("w", half).open()), build.lanes(tensor("w", half.astype(np.float32)).open()), strict=True):
        assert np.array_equal(a, b)


def dft(n: int = 256) -> Array:
    angle = np.outer(np.arange(n // 2 + 1), np.arange(n)) * 2 * np.pi / n
    return np.concatenate([np.cos(angle), np.sin(angle)])


POSITIONS = np.arange(512)[:, None] * 10000 ** (-np.arange(64) / 64)
TABLES: dict[str, Array] = {
    "dft": dft(),
    "stft as a convolution": (dft() * np.hanning(256))[:, None],
    "dct": np.cos(np.pi * (np.arange(128)[None] + 0.5) * np.arange(128)[:, None] / 128),
    "sinusoids": np.concatenate([np.sin(POSITIONS), np.cos(POSITIONS)], 1),
    "rotary": np.concatenate([np.cos(POSITIONS), np.cos(POSITIONS)], 1)[None, None],
    "window": np.hanning(400),
    "ramp": (np.arange(256)[:, None] - np.arange(256)) * 2.0 ** -np.arange(1, 9)[:, None, None],
    "identity": np.eye(160),
    "mel": np.maximum(0, 1 - np.abs(np.linspace(0, 41, 257)[None] - 1 - np.arange(40)[:, None])),
    "mask": np.tril(np.ones((256, 256))),
    "hadamard": np.array([[(-1) ** (a & b).bit_count() for a in range(128)] for b in range(128)]) / 128**0.5,
    "constant": np.full((300, 20), 0.25),
    "tiles": np.tile(np.random.default_rng(1).normal(size=512), 64).reshape(128, 256),
}  # fmt: skip


def kind(x: Array) -> str | None:
    values = tensor("w", x).open()
    return table_kind(x.shape, values, build.lanes(values)[0])


def stored(x: Array, how: str) -> Array:
    x = x.astype(np.float32)
    if how == "float16":
        return x.astype(np.float16)
    if how == "bfloat16":
        return codes.bf16_codes(x)
    if how == "int8":
        scale = np.abs(x).max() / 127
        return (np.round(x / scale) * scale).astype(np.float32)
    return x


@pytest.mark.parametrize("how", ["float32", "float16", "bfloat16", "int8"])
@pytest.mark.parametrize("name", TABLES)
def test_tables_are_recognised(name: str, how: str) -> None:
    assert kind(stored(TABLES[name], how))


def weights_of(name: str) -> Array:
    g = np.random.default_rng(7)
    x = g.normal(0, 0.05, (192, 128))
    if name == "ternary":
        x = np.sign(x) * (np.abs(x) > 0.03)
    elif name == "pruned":
        x = np.where(np.abs(x) < np.quantile(np.abs(x), 0.9), 0, x)
    elif name == "2:4 sparse":
        groups = x.reshape(-1, 4)
        x = np.where(np.abs(groups) >= np.sort(np.abs(groups), 1)[:, 2:3], groups, 0).reshape(x.shape)
    elif name == "4 bit":
        x = np.round(x / np.abs(x).max() * 7)
    elif name == "vector":
        x = x.reshape(-1)[:3000]
    elif name == "low rank":
        x = g.normal(size=(192, 4)) @ g.normal(size=(4, 128))
    return x


@pytest.mark.parametrize("name", ["normal", "ternary", "pruned", "2:4 sparse", "4 bit", "vector", "low rank"])
def test_weights_are_no_tables(name: str) -> None:
    assert kind(weights_of(name).astype(np.float32)) is None


def test_large_tensors_are_judged_by_a_slab() -> None:
    angle = np.outer(np.arange(1500), np.arange(1024)) * 2 * np.pi / 3000
    assert kind(np.cos(angle).astype(np.float32)) == "recurrence"
    assert kind(np.random.default_rng(8).normal(size=(1500, 1024)).astype(np.float32)) is None
    big = np.zeros((1200, 1200), np.float32)
    big[np.arange(1200), np.arange(1200)] = 1 + np.random.default_rng(9).random(1200)
    assert kind(big)
