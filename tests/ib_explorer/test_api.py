"""``import ib_explorer as ib``: measuring by keywords, states as arrays, and how results are shown."""

from __future__ import annotations

import inspect
import io
import itertools
import pickle
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ib_explorer as ib
from cache import Cache
from estimator.soft_entropy.temperature import leading_order_temperature
from estimator.states.anchors import stack_anchors
from ib_explorer.api import bars
from ib_explorer.api.results import Result
from ib_explorer.options import OPTIONS
from ib_explorer.tables.measurements import columns
from tests.ib_explorer.synthetic import checkpoint, curve, trajectory
from tests.ib_explorer.test_imports import HEAVY, loaded_by

SMALL = {"documents": 6, "max_length": 48, "anchors": 20, "anchor_seeds": range(2), "device": "cpu"}


def points(*records) -> Result:
    return Result(tuple((record, row) for record in records for row in record.rows), Path("nowhere"))


# Measuring


@pytest.fixture(scope="module")
def measured(tiny_model: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Two models measured by keywords on docstrings."""
    models = [tiny_model("gpt2"), f"{tiny_model('llama')}"]
    return ib.measure(
        models,
        corpus="docstrings",
        granularity=["token", "bigram"],
        layers=[1, "2-3"],
        temperature=("exact", np.float64(0.05)),
        cache_dir=tmp_path_factory.mktemp("cache"),
        progress=False,
        **SMALL,
    )


def test_a_measurement_has_the_points_that_were_asked_for(measured: Result, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(measured.records) == 2
    assert [len(record.anchor_seeds) for record in measured.records] == [2, 2]
    assert list(measured.rows[0]) == list(columns())
    assert {row["granularity"] for row in measured.rows} == {"token", "bigram"}
    assert {row["layer"] for row in measured.rows} == {1, 2, 3}
    assert {row["temperature_rule"] for row in measured.rows} == {"exact", "0.05"}
    assert len(measured.rows) == 2 * 2 * 3 * 2
    assert capsys.readouterr() == ("", "")


def test_what_was_measured_is_loaded_by_filters(measured: Result) -> None:
    folder = measured.cache_dir
    assert len(ib.load(cache_dir=folder).records) == 2
    (model, _) = (record.model for record in measured.records)
    found = ib.load(model, cache_dir=folder, layers=2, granularity="token", temperature=0.05, weights="frequency")
    assert [(row["model"], row["layer"], row["temperature_rule"]) for row in found.rows] == [(model, 2, "0.05")]
    with pytest.raises(ib.InputError, match="No cached measurement matches"):
        ib.load(model, cache_dir=folder, layers=0)
    with pytest.raises(ib.InputError, match="load has no option 'layer': did you mean layers"):
        ib.load(model, cache_dir=folder, layer=2)


def test_what_is_loaded_warns_of_damaged_records(measured: Result, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    shutil.copytree(measured.cache_dir / "measurements", folder / "measurements")
    victim = sorted(folder.rglob("*.json"))[0]
    victim.write_bytes(victim.read_bytes()[:-1])
    with pytest.warns(UserWarning, match=r"1 record \(measurements\) of the cache was damaged and set aside"):
        assert len(ib.load(cache_dir=folder).records) == 1
    with pytest.raises(ib.MeasurementError, match=r"No cached measurement matches .* 1 record \(measurements\)"):
        ib.load(cache_dir=folder, layers=0)


def test_the_bound_and_the_checkpoints_are_those_of_the_commands(
    tiny_model: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {"corpus": "docstrings", "documents": 6, "max_length": 48, "cache_dir": tmp_path, "progress": False}
    found = ib.bound(tokenizer=tiny_model("gpt2"), kind=["ib", "dpi"], **asked)
    assert {row["bound"] for row in found.rows} == {"ib", "dpi"} and {row["granularity"] for row in found.rows} == {
        "token"
    }
    assert [row["relevance_bits"] for row in found.rows if row["bound"] == "dpi"][-1] == pytest.approx(
        found.rows[0]["mutual_information_bits"]
    )
    assert len(Cache(tmp_path).curves.all()) == 1
    assert "IB curve" in repr(found) and "2 bounds" in repr(found)
    run = tmp_path / "run"
    run.mkdir()
    for step, family in ((5, "gpt2"), (50, "llama")):
        (run / f"checkpoint-{step}").symlink_to(tiny_model(family), target_is_directory=True)
    listed = ib.checkpoints(run, cache_dir=tmp_path)
    assert [row["step"] for row in listed.rows] == [5, 50]
    assert len(ib.checkpoints(f"{run}@checkpoint-50", cache_dir=tmp_path).revisions) == 1
    assert "checkpoint-50" in repr(listed)
    with pytest.raises(ib.InputError, match="bound has no option 'layers'"):
        ib.bound(tokenizer="demo", layers=1)
    assert capsys.readouterr() == ("", "")


def test_keywords_are_checked_by_the_declarations_of_the_options() -> None:
    for wrong, words in [
        ({"granularty": "token"}, "measure has no option 'granularty': did you mean granularity"),
        ({"cachedir": "x"}, "did you mean cache_dir"),
        ({"zzz": 1}, "has no option 'zzz': choose from .*granularity"),
        ({"granularity": ["token", "word"]}, "There is no granularity 'word'"),
        ({"documents": "many"}, "documents takes whole numbers"),
        ({"documents": True}, "documents cannot be True"),
        ({"corpus": ["a", "b"]}, "corpus cannot be"),
        ({"loss": "perhaps"}, "loss must be yes or no"),
        ({"anchors": 1}, "anchors must be at least 2"),
    ]:
        with pytest.raises(ib.InputError, match=words):
            ib.measure("demo", **wrong)
    with pytest.raises(ib.InputError, match="leave out the keyword revision"):
        ib.measure("demo@all", revision="checkpoint-0")
    with pytest.raises(ib.InputError, match="has all options in it"):
        ib.measure(ib.MeasurementRequest("demo"), documents=4)
    with pytest.raises(ib.InputError, match="No model"):
        ib.measure([])


def test_requests_are_made_of_keywords_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from ib_explorer.api.calls import _requests

    monkeypatch.setenv("IB_EXPLORER_DOCUMENTS", "7")
    assert _requests("demo", None, {}) == [ib.MeasurementRequest("demo")]
    (found, other) = _requests(["demo@all", Path("x")], None, {"preset": "paper", "layers": "0, 3,5-8", "corpus": None})
    assert (found.model, found.revision, other.model, other.revision) == ("demo", "all", "x", None)
    assert (found.temperatures, found.layers, found.corpus) == (("leading-order",), "0,3,5-8", None)
    (request,) = _requests("demo", "step1", {"anchor_seeds": 3, "weights": "frequency,uniform", "corpus": tmp_path})
    assert (request.revision, request.anchor_seeds, request.corpus) == ("step1", (3,), str(tmp_path))
    assert request.weights == ("frequency", "uniform")


def test_the_help_names_every_option() -> None:
    for option in OPTIONS:
        assert option.name.replace("-", "_") in (inspect.getdoc(ib.measure) or "")


def test_importing_loads_next_to_nothing() -> None:
    assert not loaded_by("import ib_explorer; dir(ib_explorer)") & (HEAVY | {"numpy", "scipy", "textual", "click"})
    assert not loaded_by("import ib_explorer as ib; ib.measure, ib.load, ib.checkpoints") & (HEAVY | {"textual"})
    assert {"measure", "estimate", "Accumulator"} <= set(dir(ib))
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = ib.nothing_such


# What is shown


def test_long_tables_are_shown_in_part() -> None:
    result = points(*trajectory("demo"))
    lines = repr(result).splitlines()
    assert len(lines) == 1 + 1 + 20 + 1
    assert "points of 6 checkpoints: adjusted values" in lines[0]
    assert "I(X;Z)" in lines[1] and "±" in lines[2]
    assert lines[-1].startswith(f"… and {len(result.points) - 20:,} more")


def test_html_is_escaped() -> None:
    html = points(replace(checkpoint(0), model="<b>&model"))._repr_html_()
    assert "&lt;b&gt;&amp;model" in html and "<b>" not in html
    assert html.count("<tr>") == 21


def test_data_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    result = points(checkpoint(4))
    frame = result.to_pandas()
    assert list(frame.columns) == list(columns()) and len(frame) == len(result.points)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ib.InputError, match=r"pip install \"ib-explorer\[notebook\]\""):
        result.to_pandas()


def test_plots_are_text_as_it_is(tmp_path: Path) -> None:
    result = replace(points(*trajectory("demo")), cache_dir=tmp_path)
    drawn = result.plot(width=60, height=16)
    assert repr(drawn) == drawn and "I(X;Z)" in drawn and "layer 3" in drawn
    assert len(drawn.splitlines()) == 16
    assert "layer 3" not in result.plot(layer="mean", preset="paper")
    assert "layer of" in result.plot("layers") and "training step" in result.plot("training", layer="mean")
    for wrong, words in [
        ({"kind": "pie"}, "no plot 'pie'"),
        ({"granularity": "preference"}, "No measured value"),
        ({"preset": "best"}, "no preset 'best'"),
        ({"bound": "sky"}, "no bound 'sky'"),
        ({"x": "time"}, "no x axis 'time'"),
        ({"temperature": "hot"}, "not a temperature"),
    ]:
        with pytest.raises(ib.InputError, match=words):
            result.plot(**wrong)


# Progress


class Stream(io.StringIO):
    """A terminal, or not."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self.isatty = lambda: is_terminal


@pytest.mark.parametrize(
    ("choice", "is_terminal", "shown"), [("auto", True, True), ("auto", False, False), (True, False, True)]
)
def test_bars_are_shown_where_somebody_looks(
    monkeypatch: pytest.MonkeyPatch, choice: bool | str, is_terminal: bool, shown: bool
) -> None:
    stream = Stream(is_terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    with bars.listening(choice) as progress:
        progress.revision = "step5"
        for done in range(4):
            progress.phase("forward", done, 3, "documents")
        progress.phase("estimate", 1, None, "layers")
        progress.note("A document was skipped.")
    text = stream.getvalue()
    for words in ("step5 forward pass", "step5 estimating", "3", "A document was skipped."):
        assert (words in text) == shown


def test_a_listener_is_used_as_it_is_and_tqdm_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = ib.Progress()
    with bars.listening(mine) as progress:
        assert progress is mine
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(sys, "stderr", Stream(True))
    with bars.listening("auto") as progress:
        progress.phase("forward", 1, 3, "documents")
    with pytest.raises(ib.InputError, match="tqdm is not installed"), bars.listening(True):
        pass
    with pytest.raises(ib.InputError, match="progress must be"), bars.listening("loud"):  # type: ignore[arg-type]
        pass


# States as arrays


def states(positions: int = 900, width: int = 24) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """States that know their class, labels with and without a relation to them, and documents of 1 to 9 positions."""
    rng = np.random.default_rng(7)
    kind = rng.integers(0, 6, positions)
    z = rng.standard_normal((positions, width)) + 1.5 * rng.standard_normal((6, width))[kind]
    documents = np.repeat(np.arange(positions), rng.integers(1, 10, positions))[:positions]
    topic = np.array(["art", "law", "war"])[rng.integers(0, 3, positions)][documents]
    return z, {"class": kind, "noise": rng.integers(0, 40, positions), "topic": topic}, documents


def same(one: ib.Estimate, other: ib.Estimate) -> None:
    assert len(one.values) == len(other.values)
    for ours, theirs in zip(one.values, other.values, strict=True):
        left, right = asdict(ours), asdict(theirs)
        for name in ("entropy", "ceiling", "information"):
            assert left.pop(name) == pytest.approx(right.pop(name), abs=1e-6)
        assert left == right


def test_signal_is_found_and_noise_is_not() -> None:
    z, labels, documents = states()
    found = ib.estimate(z, labels, documents)
    assert [(value.labels, value.null) for value in found.values] == [
        ("class", "positions"),
        ("noise", "positions"),
        ("topic", "documents"),
    ]
    assert found["class"].corrected > 10 * found["class"].se
    assert found["noise"].is_zero and found["topic"].is_zero
    assert found["noise"].plugin > 5 * found["noise"].se
    low, high = found["class"].bracket
    assert low < found["class"].corrected <= found["class"].high < high
    assert found.ratio("noise", "class") == pytest.approx(found["noise"].adjusted / found["class"].adjusted)
    assert found.ratio("class", "noise") is None
    assert found.ratio("class", "noise", preset="paper") == pytest.approx(found["class"].plugin / found["noise"].plugin)
    with pytest.raises(ib.InputError, match="no labels 'colour': choose from class, noise, topic"):
        found["colour"]


def test_documents_decide_the_null_of_what_they_carry() -> None:
    """Labels of documents whose positions resemble each other: shuffling positions would find what is not there."""
    rng = np.random.default_rng(3)
    documents = np.repeat(np.arange(40), 30)
    z = rng.standard_normal((1200, 16)) + 2 * rng.standard_normal((40, 16))[documents]
    label = {"topic": rng.integers(0, 3, 40)[documents]}
    assert ib.estimate(z, label, documents)["topic"].is_zero
    assert not ib.estimate(z, label)["topic"].is_zero


@pytest.mark.parametrize("with_documents", [True, False])
def test_batches_give_what_the_whole_gives(with_documents: bool) -> None:
    z, labels, documents = states()
    settings = {
        "anchors": 30,
        "anchor_seeds": (0, 5),
        "temperature": ["exact", 0.1],
        "weights": ["frequency", "uniform"],
    }
    whole = ib.estimate(z, labels, documents if with_documents else None, **settings)
    assert len(whole.values) == 3 * 2 * 2

    def batch(rows: np.ndarray) -> tuple:
        return z[rows], {name: one[rows] for name, one in labels.items()}, documents[rows] if with_documents else None

    rng = np.random.default_rng(1)
    mixed = rng.permutation(len(z))
    splits = {
        "one by one in parts": [np.arange(3), np.arange(3, 4), np.arange(4, 900)],
        "last first": np.array_split(np.arange(900), 7)[::-1],
        "mixed, documents torn apart": np.array_split(mixed, 5),
    }
    for parts in splits.values():
        total = ib.Accumulator(**settings)
        for rows in parts:
            total.update(*batch(rows))
        same(total.compute(), whole)
    merged = ib.Accumulator(**settings)
    for rows in splits["mixed, documents torn apart"]:
        part = ib.Accumulator(**settings)
        part.update(*batch(rows))
        before = merged.compute() if merged._batches else None
        merged.merge(pickle.loads(pickle.dumps(part)))
        same(part.compute(), ib.estimate(*batch(rows), **settings))
        assert before is None or before.values[0].positions < merged.compute().values[0].positions
    same(merged.compute(), whole)


def test_copies_of_few_states_are_spread_over_the_groups_of_the_jackknife() -> None:
    """Discrete states: were equal content grouped together, leaving a group out would leave a state out."""
    kind = np.repeat(np.arange(4), 100)
    found = ib.estimate(np.eye(4)[kind], {"class": kind}, anchors=20)["class"]
    assert found.se < 0.01 * found.corrected


def test_kinds_of_arrays_give_the_same() -> None:
    z, labels, _ = states(300)
    half = z.astype(np.float16)
    whole = ib.estimate(half, labels, anchors=20)
    tensors = {name: torch.from_numpy(one) for name, one in labels.items() if name != "topic"}
    same(ib.estimate(torch.from_numpy(half).requires_grad_(), {**tensors, "topic": labels["topic"]}, anchors=20), whole)
    lists = {name: one.astype(object) for name, one in labels.items()}
    found = ib.estimate(half.tolist(), {**lists, "class": labels["class"]}, anchors=20)
    assert found["class"].plugin == pytest.approx(whole["class"].plugin, abs=1e-6)
    same(ib.estimate(z, labels, anchors=stack_anchors(20, 24, range(4))), ib.estimate(z, labels, anchors=20))


def test_digits_have_the_published_values() -> None:
    from sklearn.datasets import load_digits

    images, digit = load_digits(return_X_y=True)
    anchors = torch.nn.functional.normalize(torch.randn(100, 64, generator=torch.Generator().manual_seed(0)), dim=-1)
    total = ib.Accumulator(anchors=anchors, temperature="leading-order", weights=["frequency", "uniform"])
    for rows in np.array_split(np.arange(len(images)), 6):
        total.update(images[rows], {"digit": digit[rows]})
    frequency, uniform = total.compute().values
    assert frequency.temperature == leading_order_temperature(100, 64)
    assert round(frequency.entropy, 4) == 0.4104
    assert round(frequency.information.plugin, 4) == 0.0557
    assert round(uniform.information.plugin, 4) == 0.0557


def test_agrees_with_the_accumulator_of_the_published_package() -> None:
    published = pytest.importorskip("soft_entropy.accumulator")
    z, labels, _ = states()
    theirs = published.SoftEntropyAccumulator(d=24, n_bins=100, seed=3, backend="torch")
    ours = ib.Accumulator(anchors=theirs.w, temperature=theirs.temp)
    for start, end in itertools.pairwise([0, 100, 350, 900]):
        batch = torch.tensor(z[start:end], dtype=torch.float32)
        theirs.update(batch, labels={"class": torch.tensor(labels["class"][start:end])})
        ours.update(batch, {"class": labels["class"][start:end]})
    (found,) = ours.compute().values
    assert found.entropy == pytest.approx(theirs.entropy(), abs=2e-5)
    assert found.information.plugin == pytest.approx(theirs.mutual_information()["class"], abs=2e-5)


def test_states_hold_what_is_said_in_bytes() -> None:
    total = ib.Accumulator()
    total.update(np.random.default_rng(0).standard_normal((50, 512)), {"x": np.arange(50) % 3})
    (batch,) = total._batches
    assert batch.scores.nbytes + batch.hashes.nbytes == 50 * (800 + 8)


def test_what_cannot_be_measured_is_said_in_a_sentence() -> None:
    z, labels, documents = states(60)
    few = {"class": labels["class"]}
    total = ib.Accumulator()
    total.update(z, few)
    other = ib.Accumulator()
    other.update(z, few, documents)
    for call, words in [
        (lambda: total.update(z[0], few), "array \\[positions, width\\]"),
        (lambda: total.update(z[:, :5], few), "width of 24 here, not 5"),
        (lambda: total.update(z * np.nan, few), "not finite"),
        (lambda: total.update(z.astype(str), few), "States are numbers"),
        (lambda: total.update(z, labels["class"]), "Name each label set"),
        (lambda: total.update(z, {"class": [1, 2]}), "labels 'class' need one value for each of 60 states"),
        (lambda: total.update(z, {"other": labels["class"]}), "Every batch needs the label sets class"),
        (lambda: total.update(z, few, documents), "documents with every batch, or with none"),
        (lambda: total.merge(ib.Accumulator(anchors=50)), "same anchors"),
        (lambda: total.merge(other), "documents with every batch"),
        (lambda: ib.Accumulator().compute(), "call update first"),
        (lambda: ib.estimate(z, few, np.zeros(60)), "add documents"),
        (lambda: ib.estimate(z[:2], {"class": [0, 1]}), "add documents"),
        (lambda: ib.estimate(z, {"class": np.zeros(60)}), "same class label"),
        (lambda: ib.estimate(z, few, weights="uniform", min_count=61), "occurs 61 times"),
        (lambda: ib.estimate(z, few, temperature="hot"), "not a temperature"),
        (lambda: ib.estimate(z, few, anchors=z), "unit length"),
        (lambda: ib.estimate(z, few, anchors=z[0]), "array \\[anchors, width\\]"),
        (lambda: ib.estimate(z, few, anchors=1), "anchors must be at least 2"),
        (lambda: ib.estimate(z[:, :1], few), "size 2 or more"),
    ]:
        with pytest.raises(ib.InputError, match=words):
            call()
    same(total.compute(), ib.estimate(z, few))
    total.update(z, {"class": labels["class"].astype(str)})
    with pytest.raises(ib.InputError, match="numbers and texts"):
        total.compute()


def test_an_estimate_is_shown_and_exported() -> None:
    z, labels, documents = states(200)
    found = ib.estimate(z, {"<class>": labels["class"]}, documents, anchors=20)
    assert "200 states of" in repr(found) and "bracket" in repr(found) and "&lt;class&gt;" in found._repr_html_()
    (row,) = found.rows
    assert row["information_corrected"] == found["<class>"].corrected and row["distinct"] == 6
    assert len(found.to_pandas()) == 1


def test_the_bound_is_drawn_where_it_is_cached(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    record = checkpoint(4)
    identity = {"sample": record.sample, "granularity": "token", "conditionals": "raw"}
    labels = replace(curve(), input_labels=100, output_labels=101)
    result = replace(points(record), cache_dir=tmp_path)
    assert "IB curve" not in result.plot()
    cache.curves.put(identity, labels)
    assert "IB curve" in result.plot() and "IB curve" not in result.plot(bound="diagonal")
    assert "I(context;Z)" in (over_context := result.plot(x="context")) and "IB curve" not in over_context
