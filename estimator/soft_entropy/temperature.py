"""The temperature ε of the soft assignment, and the rules that set it from the width and the number of anchors."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from estimator.errors import InputError

EXACT = "exact"
LEADING_ORDER = "leading-order"

_UNIFORM_FROM = 30.0
"""Radius √(ν² + κ²) from which the Debye expansion is used; below it the power series of 0F1 converges quickly."""
_DEBYE_TERMS = 14
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII)
_ADVICE = "give exact, leading-order, a positive number such as 0.01, or a multiple of the exact rule such as x0.5"


@dataclass(frozen=True, slots=True)
class Temperature:
    """A rule for ε in canonical form: ``exact``, ``leading-order``, a number (``0.01``) or a multiple (``x0.5``).

    Raises :class:`InputError` when ``rule`` is not canonical; :func:`parse_temperature` accepts user input.
    """

    rule: str

    def __post_init__(self) -> None:
        if self.rule != _canonical(self.rule):
            raise InputError("temperature", f"The temperature {self.rule!r} is written {_canonical(self.rule)!r}.")

    def value(self, anchors: int, dimension: int) -> float:
        """ε for n = ``anchors`` and hidden states of size d = ``dimension``: the divisor of cosines."""
        if self.rule == EXACT:
            return exact_temperature(anchors, dimension)
        if self.rule == LEADING_ORDER:
            return leading_order_temperature(anchors, dimension)
        if self.rule.startswith("x"):
            return float(self.rule[1:]) * exact_temperature(anchors, dimension)
        return float(self.rule)


def parse_temperature(text: str) -> Temperature:
    """The temperature that a user wrote; raises :class:`InputError` for words, zero, negatives, nan and infinities."""
    return Temperature(_canonical(text))


def _canonical(text: str) -> str:
    word = text.strip().lower()
    if word in (EXACT, LEADING_ORDER):
        return word
    multiple = word.startswith("x")
    number = word[1:] if multiple else word
    if not _NUMBER.fullmatch(number) or not 0 < float(number) < math.inf:
        raise InputError("temperature", f"{text!r} is not a temperature: {_ADVICE}.")
    shortest = repr(float(number)).removesuffix(".0")
    if not multiple:
        return shortest
    return EXACT if shortest == "1" else f"x{shortest}"


def leading_order_temperature(anchors: int, dimension: int) -> float:
    """ε = 1/√(2 d ln n), the paper's eq. 7: the exact rule's limit for large d; raises InputError as the exact rule."""
    _check(anchors, dimension)
    return 1 / math.sqrt(2 * dimension * math.log(anchors))


@cache
def exact_temperature(anchors: int, dimension: int) -> float:
    """ε at which KL(vMF(κ = 1/ε) ‖ uniform on S^(d−1)) = ln n, to 1e-9 relative or better.

    ``anchors`` is n >= 2 and ``dimension`` is d >= 2; raises :class:`InputError` below.
    """
    _check(anchors, dimension)
    target = math.log(anchors)

    def excess(log_kappa: float) -> float:
        return von_mises_fisher_divergence(math.exp(log_kappa), dimension) - target

    from scipy.optimize import brentq  # takes a quarter of a second to import, which a help text must not wait for

    low = high = -math.log(leading_order_temperature(anchors, dimension))
    while excess(low) > 0:
        low -= 1
    while excess(high) < 0:
        high += 1
    return math.exp(-brentq(excess, low, high, xtol=1e-14, rtol=1e-14))


def _check(anchors: int, dimension: int) -> None:
    if anchors < 2:
        raise InputError("anchors", f"The soft assignment needs at least 2 anchors, not {anchors}.")
    if dimension < 2:
        raise InputError("model", f"A temperature needs hidden states of size 2 or more, not {dimension}.")


def von_mises_fisher_divergence(kappa: float, dimension: int) -> float:
    """KL(vMF(κ) ‖ uniform on S^(d−1)) in nats: κ A(κ) − log 0F1(; d/2; κ²/4), where A is the mean resultant length.

    scipy's Bessel functions underflow and overflow at large d, so two expansions without cancellation replace them.
    """
    nu = dimension / 2 - 1
    if math.hypot(nu, kappa) < _UNIFORM_FROM:
        return _divergence_by_series(kappa, nu)
    return _divergence_by_debye(kappa, nu)


def _divergence_by_series(kappa: float, nu: float) -> float:
    term = total = 1.0
    slope = 0.0
    k = 0
    while term > 1e-18 * total:
        k += 1
        term *= kappa * kappa / 4 / (k * (nu + k))
        total += term
        slope += 2 * k * term
    return slope / total - math.log(total)


def _divergence_by_debye(kappa: float, nu: float) -> float:
    """With r = √(ν² + κ²) and S = Σ u_k(ν/r)/ν^k, log I_ν(κ) = r + ν log(κ/(ν+r)) − ½ log 2πr + log S (DLMF 10.41.3).

    Inserting it and its derivative, the terms of order r and ν log κ cancel analytically, which leaves the expression
    below. The terms of S are polynomials in (ν/r)² over r^k, so the expansion holds at ν = 0 as well.
    """
    r = math.hypot(nu, kappa)
    q = (nu / r) ** 2
    one_less_q = (kappa / r) ** 2
    series, slope = 1.0, 0.0
    for k, coefficients in enumerate(_debye_coefficients(), start=1):
        series += sum(c * q**j for j, c in enumerate(coefficients)) / r**k
        slope -= one_less_q * sum((k + 2 * j) * c * q**j for j, c in enumerate(coefficients)) / r**k
    stirling = nu * math.log((nu + r) / 2) - nu + math.log(2 * math.pi * r) / 2 - math.lgamma(nu + 1)
    return stirling - one_less_q / 2 + slope / series - math.log(series)


@cache
def _debye_coefficients() -> tuple[tuple[float, ...], ...]:
    """For k = 1, 2, … the c_j of u_k(p) = p^k Σ_j c_j p^(2j), by the recurrence of DLMF 10.41.9 in exact fractions."""
    polynomial = {0: Fraction(1)}
    table = []
    for k in range(1, _DEBYE_TERMS + 1):
        following: dict[int, Fraction] = {}
        for power, c in polynomial.items():
            for shift, weight in (
                (1, Fraction(power, 2) + Fraction(1, 8 * (power + 1))),
                (3, -Fraction(power, 2) - Fraction(5, 8 * (power + 3))),
            ):
                following[power + shift] = following.get(power + shift, Fraction(0)) + c * weight
        polynomial = following
        table.append(tuple(float(polynomial.get(k + 2 * j, Fraction(0))) for j in range(k + 1)))
    return tuple(table)
