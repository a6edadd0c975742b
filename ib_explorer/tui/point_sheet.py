"""The points of the plane as a sheet."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from estimator.measurement import Information
from estimator.safe_text import safe
from estimator.text.labels import TWO_SIDED
from estimator.values import VALUES, Value
from ib_explorer.drawing.plane import Plane, Point
from ib_explorer.drawing.records import sides
from ib_explorer.drawing.shelf import Same
from ib_explorer.drawing.trajectories import revision_of
from ib_explorer.tables.matching import amount
from ib_explorer.tui import moves
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.sheets import Arrangement, Column, Sheet, Source, sheet
from ib_explorer.tui.wording import WITHHELD, checkpoint_name, count, ending, value

_VALUE = 7
"""Width of an information value."""


def point_sheet(scene: Scene) -> Sheet:
    """All points of the scene's plane, arranged as the user chose in the Table tab."""
    source = _source(Same(scene.plane))
    current = None
    if scene.point is not None:
        current = _places(Same(scene.plane)).get(id(scene.point))
    return sheet(source, scene.state.arranged.get("table", Arrangement()), current)


@lru_cache(maxsize=4)
def _places(plane: Same[Plane]) -> dict[int, int]:
    return {id(point): index for index, point in enumerate(_source(plane).items)}


@lru_cache(maxsize=4)
def _source(plane: Same[Plane]) -> Source:
    points = plane.value.points
    names = tuple(sides(points[0].measurement)) if points else tuple(TWO_SIDED.values())
    return Source(points, (*_fixed(), *_training(), *_information(names), *_about()), fixed=3, go=moves.to_point)


def _layer(point: Point) -> object:
    return point.measurement.layer


def _fixed() -> list[Column]:
    return [
        Column(
            "model",
            "model",
            14,
            lambda point: point.checkpoint.model,
            lambda point: safe(point.checkpoint.model)[-14:],
            numbers=False,
        ),
        Column(
            "checkpoint",
            "checkpoint",
            14,
            lambda point: checkpoint_name(revision_of(point.checkpoint)),
            lambda point: ending(checkpoint_name(revision_of(point.checkpoint)), 14),
            numbers=False,
        ),
        Column("layer", "layer", 5, _layer, lambda point: f"{_layer(point):>5}"),
    ]


def _training() -> list[Column]:
    def whole(name: str, width: int, write: Callable[[int], str]) -> Column:
        def of(point: Point) -> Any:
            return getattr(revision_of(point.checkpoint), name)

        def text(point: Point) -> str:
            return f"{WITHHELD if of(point) is None else write(of(point)):>{width}}"

        return Column(name, name, width, of, text)

    return [whole("step", 9, count), whole("tokens", 7, amount)]


def _number(name: str, title: str, of: Callable[[Point], float | None]) -> Column:
    width = max(len(title), _VALUE)
    return Column(name, title, width, of, lambda point: value(of(point), width))


def _information(names: tuple[str, ...]) -> list[Column]:
    """For each side the value in view, its bracket and error, every value, and the parts; then the ratios."""
    columns: list[Column] = []
    for name in names:
        columns += [
            _number(name, name, _part(name, lambda point, side: point.value.of(side))),
            _number(f"{name} low", "low", _part(name, lambda _, side: side.bracket[0])),
            _number(f"{name} high", "high", _part(name, lambda _, side: side.bracket[1])),
            _number(f"{name} error", "±error", _part(name, lambda point, side: point.value.error(side))),
        ]
    if len(names) > 1:
        columns += [
            _number("optimality", "optimality", lambda point: point.value.optimality(point.measurement)),
            _number("optimality error", "±error", lambda point: point.value.ratio_error(point.measurement)),
            _number("share", "share", lambda point: point.measurement.predictive_share),
            _number("share error", "±error", lambda point: point.measurement.predictive_share_se),
        ]
    columns += [
        _number("loss", "loss", lambda point: point.checkpoint.loss),
        _number("bits/byte", "bits/byte", lambda point: point.checkpoint.bits_per_byte),
        _number("H(Z)", "H(Z)", lambda point: point.measurement.entropy),
        _number("ceiling", "ceiling", lambda point: point.measurement.ceiling),
    ]
    for name in names:
        for one in VALUES.values():
            columns.append(_number(f"{name} {one.name}", f"{name} {one.title}", _part(name, _of(one))))
        columns += [
            _number(f"{name} null", "null", _part(name, lambda _, side: side.null)),
            _number(f"{name} docs", "docs", _part(name, lambda _, side: side.document_part)),
            _number(f"{name} spread", "spread", _part(name, lambda _, side: side.spread)),
            _number(f"{name} labels", "labels", _part(name, lambda _, side: side.labels)),
            _number(f"{name} once", "once", _part(name, lambda _, side: side.singletons)),
        ]
    return columns


def _of(shown: Value) -> Callable[[Point, Information], Any]:
    return lambda _, side: shown.of(side)


def _part(name: str, of: Callable[[Point, Information], Any]) -> Callable[[Point], Any]:
    return lambda point: of(point, sides(point.measurement)[name])


def _about() -> list[Column]:
    return [
        _number("epsilon", "epsilon", lambda point: point.measurement.temperature),
        _number("resultant", "resultant", lambda point: point.measurement.resultant_length),
        _number("dims", "dims", lambda point: point.measurement.participation_ratio),
        Column(
            "N",
            "N",
            9,
            lambda point: point.checkpoint.positions,
            lambda point: count(point.checkpoint.positions, 9),
        ),
    ]
