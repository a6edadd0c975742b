"""The temperature against mpmath at 40 digits, the golden values, and what a user may write."""

from __future__ import annotations

import math

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.errors import InputError
from estimator.soft_entropy.temperature import (
    Temperature,
    exact_temperature,
    leading_order_temperature,
    parse_temperature,
    von_mises_fisher_divergence,
)


def divergence_to_40_digits(kappa: mpmath.mpf, dimension: int) -> mpmath.mpf:
    nu = mpmath.mpf(dimension) / 2 - 1
    bessel = mpmath.besseli(nu, kappa)
    log_normaliser = mpmath.log(bessel) - nu * mpmath.log(kappa / 2) + mpmath.loggamma(nu + 1)
    return kappa * mpmath.besseli(nu + 1, kappa) / bessel - log_normaliser


@pytest.mark.parametrize("dimension", [2, 3, 8, 64, 576, 4096, 16384])
@pytest.mark.parametrize("anchors", [2, 100, 4096])
def test_exact_rule_agrees_with_mpmath(anchors: int, dimension: int) -> None:
    with mpmath.workdps(40):
        epsilon = mpmath.mpf(exact_temperature(anchors, dimension))

        def excess(log_kappa: mpmath.mpf) -> mpmath.mpf:
            return divergence_to_40_digits(mpmath.exp(log_kappa), dimension) - mpmath.log(anchors)

        guess = -mpmath.log(epsilon)
        root = mpmath.findroot(excess, (guess, guess + mpmath.mpf("1e-8")), tol=1e-30)
        assert abs(epsilon * mpmath.exp(root) - 1) < 1e-10


@pytest.mark.parametrize(
    ("dimension", "exact", "leading_order"),
    [(64, 0.037049, 0.041188), (576, 0.013566, 0.013729), (4096, 0.005140, 0.005149)],
)
def test_golden_values_at_100_anchors(dimension: int, exact: float, leading_order: float) -> None:
    assert exact_temperature(100, dimension) == pytest.approx(exact, abs=6e-7)
    assert leading_order_temperature(100, dimension) == pytest.approx(leading_order, abs=6e-7)


@pytest.mark.parametrize("dimension", [2, 3, 30, 61, 62, 63])
def test_the_two_expansions_meet(dimension: int) -> None:
    nu = dimension / 2 - 1
    seam = math.sqrt(max(900 - nu * nu, 1e-2))
    for kappa in (seam * (1 - 1e-9), seam * (1 + 1e-9)):
        expected = divergence_to_40_digits(mpmath.mpf(kappa), dimension)
        assert von_mises_fisher_divergence(kappa, dimension) == pytest.approx(float(expected), rel=1e-10)


@given(anchors=st.integers(2, 4095), dimension=st.integers(2, 16384))
def test_exact_rule_falls_with_anchors_and_stays_below_leading_order(anchors: int, dimension: int) -> None:
    here = exact_temperature(anchors, dimension)
    assert exact_temperature(anchors + 1, dimension) < here < leading_order_temperature(anchors, dimension)


def test_rules_give_their_values() -> None:
    assert parse_temperature("exact").value(100, 576) == exact_temperature(100, 576)
    assert parse_temperature("leading-order").value(100, 576) == leading_order_temperature(100, 576)
    assert parse_temperature("x0.5").value(100, 576) == 0.5 * exact_temperature(100, 576)
    assert parse_temperature("0.01").value(100, 576) == 0.01


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("exact", "exact"),
        (" Exact ", "exact"),
        ("leading-order", "leading-order"),
        ("0.010", "0.01"),
        ("1e-2", "0.01"),
        (".5", "0.5"),
        ("1", "1"),
        ("x0.50", "x0.5"),
        ("x2", "x2"),
        ("x1", "exact"),
        ("X1.0", "exact"),
    ],
)
def test_what_a_user_writes_becomes_canonical(text: str, rule: str) -> None:
    assert parse_temperature(text).rule == rule
    assert parse_temperature(rule) == parse_temperature(text)


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_every_positive_number_is_a_rule(number: float) -> None:
    assert parse_temperature(repr(number)).value(100, 8) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "x0",
        "x-2",
        "x",
        "nan",
        "inf",
        "-inf",
        "xinf",
        "1e999",
        "1e-999",
        "warm",
        "1_0",
        "٣",
        "leading-order*0.5",
    ],
)
def test_what_is_no_temperature_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a temperature: give exact") as refused:
        parse_temperature(text)
    assert refused.value.kind == "temperature"


def test_a_rule_that_is_not_canonical_is_refused() -> None:
    with pytest.raises(InputError, match="is written 'exact'"):
        Temperature("x1")


@pytest.mark.parametrize(("anchors", "dimension"), [(1, 64), (0, 64), (100, 1)])
@pytest.mark.parametrize("rule", [exact_temperature, leading_order_temperature])
def test_too_few_anchors_or_dimensions_are_refused(rule, anchors: int, dimension: int) -> None:
    with pytest.raises(InputError):
        rule(anchors, dimension)
