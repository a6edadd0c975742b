"""The runner with real models, texts and cache: what is measured, what is answered from the cache, what is refused."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ib_explorer
from benchmarks.loopback_hub import LoopbackHub, Repository, folder_files
from cache.keys import key
from estimator.demo import training
from estimator.errors import Cancelled, InputError
from estimator.measurement import Granularity
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.text import docstrings
from ib_explorer.tables.increments import increments_text
from ib_explorer.tables.measurements import points_of, points_text
from ib_explorer.work import measurer as measuring
from ib_explorer.work import samples as sampling
from ib_explorer.work.identities import increments_identity, sample_identity
from ib_explorer.work.runner import Runner
from ib_explorer.worker.messages import BoundReady, ComputeBound, ListRevisions, Measure, Measured, Revisions
from tests.ib_explorer.runs import WORDS, Notes, measure, no_model, request, run


def test_a_folder_is_measured_and_then_remembered(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = request(tiny_model("gpt2"), text)
    ((event, kept),) = measure(runner, asked)
    assert not event.cached
    assert (kept.depth, kept.width, kept.documents, kept.dtype) == (3, 32, 12, "float32")
    assert {(row.layer, row.site) for row in kept.rows} == {(1, "block"), (2, "block"), (3, "final_norm")}
    assert len(kept.rows) == 3 * 4
    no_model(monkeypatch)
    ((again, same),) = measure(Runner(tmp_path / "cache", "cpu"), asked)
    assert again.cached
    assert same == kept


def test_another_temperature_or_weighting_needs_no_model(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_model("olmo2")
    ((_, before),) = measure(runner, request(folder, text))
    no_model(monkeypatch)
    ((event, after),) = measure(runner, request(folder, text, temperatures=("x0.5", "0.2"), weights=("frequency",)))
    assert not event.cached
    assert {row.temperature_rule for row in after.rows} == {"exact", "x0.5", "0.2"}
    assert set(before.rows) < set(after.rows)
    ((_, both),) = measure(runner, request(folder, text, weights=("frequency", "uniform")))
    assert {row.weights for row in both.rows} == {"frequency", "uniform"}


def test_work_ahead_uses_kept_scores_and_passes_over_what_has_none(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(tiny_model("llama"), text)
    ahead = replace(asked, temperatures=("x2",), weights=("frequency", "uniform"), min_count=1)
    no_model(monkeypatch)
    assert not [event for event in run(runner, Measure(1, ahead, stored_only=True)) if isinstance(event, Measured)]
    monkeypatch.undo()
    measure(runner, asked)
    no_model(monkeypatch)
    (found,) = [event for event in run(runner, Measure(2, ahead, stored_only=True)) if isinstance(event, Measured)]
    kept = runner._cache.measurements.load(found.key)
    assert kept is not None and kept.select(temperature_rule="x2", weights="uniform")
    runner._cache.scores.prune(0)
    later = replace(ahead, temperatures=("x4",))
    assert not [event for event in run(runner, Measure(3, later, stored_only=True)) if isinstance(event, Measured)]


def test_variants_are_kept_beside_each_other_with_their_geometry(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_model("llama")
    ((_, raw),) = measure(runner, request(folder, text))
    both = request(folder, text, variants=("raw", "standardised"))
    ((event, first),) = measure(runner, both)
    assert not event.cached
    assert set(raw.rows) < set(first.rows)
    assert {row.variant for row in first.rows} == {"raw", "standardised"}
    assert all(row.participation_ratio and 1 <= row.participation_ratio <= 32 for row in first.rows)
    no_model(monkeypatch)
    assert measure(runner, both)[0][0].cached
    ((_, second),) = measure(runner, request(folder, text, variants=("raw", "standardised"), temperatures=("x2",)))
    lengths = {(row.layer, row.variant): row.resultant_length for row in first.rows}
    fresh = [row for row in second.rows if row.temperature_rule == "x2"]
    assert len(fresh) == len(first.rows)
    assert all(row.resultant_length == lengths[row.layer, row.variant] for row in fresh)


def test_the_loss_is_measured_when_asked_for_and_then_kept(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_model("gpt2")
    ((_, plain),) = measure(runner, request(folder, text))
    assert plain.loss is None
    ((event, found),) = measure(runner, request(folder, text, loss=True))
    assert not event.cached
    loss = found.loss
    assert loss is not None
    assert found.bytes_per_token and found.bits_per_byte == pytest.approx(loss / 0.693147 / found.bytes_per_token)
    assert loss == pytest.approx(5.7, abs=0.5)  # near ln 300: the model is random
    assert found.rows == plain.rows
    no_model(monkeypatch)
    ((event, later),) = measure(runner, request(folder, text, loss=True, temperatures=("exact", "x2")))
    assert later.loss == loss
    assert measure(runner, request(folder, text, loss=True))[0][0].cached


def test_the_loss_comes_from_the_pass_that_makes_the_scores(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path
) -> None:
    class Counting(Progress):
        passes = 0

        def phase(self, phase: str, done: int, total: int | None, unit: str) -> None:
            self.passes += phase in ("forward", "moments") and done == 0

    counting = Counting()
    run(runner, Measure(1, request(tiny_model("olmo2"), text, loss=True)), counting)
    assert counting.passes == 1
    run(runner, Measure(1, request(tiny_model("olmo2"), text, variants=("raw", "centred", "standardised"))), counting)
    assert counting.passes == 1 + 2


def test_minimum_counts_are_kept_apart(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_model("qwen2")
    ((_, usual),) = measure(runner, request(folder, text, weights=("uniform",)))
    assert {row.min_count for row in usual.rows} == {5}
    no_model(monkeypatch)
    ((event, both),) = measure(runner, request(folder, text, weights=("frequency", "uniform"), min_count=12))
    assert not event.cached
    assert set(usual.rows) < set(both.rows)
    assert {(row.weights, row.min_count) for row in both.rows} == {("uniform", 5), ("uniform", 12), ("frequency", 1)}
    chosen = both.select(layers=["mean"], weights="uniform", granularity="token", min_count=12)
    assert [row.min_count for row in chosen] == [12]
    with pytest.raises(InputError, match="lower --min-count"):
        measure(runner, request(folder, text, weights=("uniform",), min_count=1_000_000))


def test_a_run_folder_goes_on_where_it_was_interrupted(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    for step, family in ((10, "gpt2"), (20, "llama"), (30, "qwen2")):
        shutil.copytree(tiny_model(family), folder / f"checkpoint-{step}")

    class Impatient(Progress):
        def phase(self, phase: str, done: int, total: int | None, unit: str) -> None:
            if phase == "forward" and self.revision == "checkpoint-20":
                raise Cancelled

    asked = request(folder, text, revision="all")
    with pytest.raises(Cancelled):
        run(runner, Measure(1, asked), Impatient())
    events = [event for event, _ in measure(runner, asked)]
    assert [event.revision for event in events] == ["checkpoint-10", "checkpoint-20", "checkpoint-30"]
    assert [event.cached for event in events] == [True, False, False]
    assert [found.step for _, found in measure(runner, asked)] == [10, 20, 30]
    ((last, _),) = measure(runner, request(folder, text))
    assert (last.revision, last.cached) == ("checkpoint-30", True)


def test_the_same_weights_under_another_name_are_the_same_measurement(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_model("gpt2"), copy)
    ((first, _),) = measure(runner, request(tiny_model("gpt2"), text))
    ((second, _),) = measure(runner, request(copy, text))
    assert second.cached
    assert second.key == first.key
    config = copy / "config.json"
    config.write_text(config.read_text().replace('"layer_norm_epsilon": 1e-05', '"layer_norm_epsilon": 1e-03'))
    ((third, _),) = measure(runner, request(copy, text))
    assert third.key != first.key


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_tokenizers_padding_side_does_not_matter(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, tmp_path: Path, side: str
) -> None:
    ((_, expected),) = measure(runner, request(tiny_model("llama"), text))
    padded = tmp_path / side
    shutil.copytree(tiny_model("llama"), padded)
    config = json.loads((padded / "tokenizer_config.json").read_text())
    (padded / "tokenizer_config.json").write_text(json.dumps(config | {"padding_side": side, "model_max_length": 512}))
    ((event, found),) = measure(runner, request(padded, text))
    assert not event.cached
    assert found.sample == expected.sample
    assert found.rows == expected.rows


def test_bound_of_the_samples_tokens(runner: Runner, tiny_model: Callable[[str], Path], text: Path) -> None:
    asked = request(tiny_model("gpt2"), text)
    ((_, kept),) = measure(runner, asked)
    (event,) = run(runner, ComputeBound(2, asked, "token"))
    assert isinstance(event, BoundReady)
    curve = runner._cache.curves.load(event.key)
    assert curve is not None
    assert curve.positions == kept.positions
    assert curve.rate[-1] == pytest.approx(curve.input_entropy)
    assert run(runner, ComputeBound(3, asked, "token")) == [BoundReady(3, event.key)]


@pytest.mark.parametrize("granularity", ["token", "quadgram"])
def test_raw_and_held_out_bounds_are_kept_apart(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, granularity: Granularity
) -> None:
    asked = request(tiny_model("gpt2"), text)
    raw, held_out = (run(runner, ComputeBound(1, asked, granularity, bound))[0] for bound in ("ib", "held-out"))
    assert isinstance(raw, BoundReady) and isinstance(held_out, BoundReady) and raw.key != held_out.key
    curves = [runner._cache.curves.load(event.key) for event in (raw, held_out)]
    assert [(curve.conditionals, curve.granularity) for curve in curves if curve] == [
        ("raw", granularity),
        ("held-out", granularity),
    ]
    one, other = curves
    assert one is not None and other is not None
    assert (one.positions, one.input_labels, one.one_successor) == (
        other.positions,
        other.input_labels,
        other.one_successor,
    )
    assert one.mutual_information > other.mutual_information


def test_revisions_of_the_demo_are_known_before_it_is_trained(runner: Runner) -> None:
    (event,) = run(runner, ListRevisions(1, "demo", None))
    assert isinstance(event, Revisions)
    steps = [revision["step"] for revision in event.revisions]
    assert steps[:4] == [0, 1, 2, 4]
    assert steps == sorted(steps)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"layers": "0,9"}, "layers", "layers 0 to 3"),
        ({"layers": "top"}, "layers", "'top' is not a layer"),
        ({"temperatures": ("-1",)}, "temperature", "-1"),
        ({"temperatures": ("warm",)}, "temperature", "warm"),
        ({"device": "cuda:7"}, "device", "cuda"),
        ({"dtype": "float8"}, "dtype", "float8"),
        ({"text_column": "prose"}, "column", "text"),
        ({"revision": "step9"}, "revision", "step9"),
    ],
)
def test_wrong_requests_are_refused(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, changes: dict[str, Any], kind: str, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        measure(runner, request(tiny_model("gpt2"), text, **changes))
    assert caught.value.kind == kind
    assert words in str(caught.value)


def test_one_repeated_token_is_refused(runner: Runner, tiny_model: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "same.jsonl"
    path.write_text('{"text": "' + "a" * 30 + '"}\n' + '{"text": "' + "a" * 40 + '"}\n')
    tokenizer_sees_one = request(tiny_model("gpt2"), path)
    with pytest.raises(InputError, match="same"):
        measure(runner, tokenizer_sees_one)


def test_states_that_are_not_finite_are_refused_and_leave_nothing(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(tiny_model("gpt2"), broken)
    weights = load_file(broken / "model.safetensors")
    name = next(name for name in weights if name.endswith("h.1.mlp.c_proj.bias"))
    weights[name][0] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"layer 2 .*not finite") as caught:
        measure(runner, request(broken, text))
    assert caught.value.kind == "non-finite"
    assert not runner._cache.scores.items()
    assert not runner._cache.measurements.all()


def test_a_demo_that_was_never_measured_has_no_bound_yet(runner: Runner) -> None:
    with pytest.raises(InputError, match="has not been trained yet"):
        run(runner, ComputeBound(1, MeasurementRequest(model="demo", corpus="docstrings"), "token"))


def test_a_text_that_changes_between_two_jobs_is_read_again(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path
) -> None:
    ((_, before),) = measure(runner, request(tiny_model("gpt2"), text))
    lines = text.read_text().splitlines()
    text.write_text("\n".join([*lines[:-1], lines[0].replace("model", "reader")]) + "\n")
    ((event, after),) = measure(runner, request(tiny_model("gpt2"), text))
    assert not event.cached
    assert after.sample != before.sample


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"layers": "99"}, "layers"),
        ({"layers": "1,2-5"}, "layers"),
        ({"corpus": "/no/such/text.txt"}, "corpus"),
        ({"corpus": "/no/such/pairs.jsonl", "granularities": ("preference",)}, "corpus"),
        ({"granularities": ("preference",)}, "column"),
        ({"granularities": ("column:topic",)}, "column"),
        ({"text_column": "words"}, "column"),
    ],
)
def test_what_the_demo_cannot_be_measured_at_is_refused_before_it_is_trained(
    runner: Runner, text: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], kind: str
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the demo was trained")

    monkeypatch.setattr(training, "train_demo", refuse)
    monkeypatch.setattr(docstrings, "docstring_documents", lambda _: [])  # reading the library takes seconds
    with pytest.raises(InputError) as caught:
        run(runner, Measure(1, replace(request("demo", text), **changes)))
    assert caught.value.kind == kind
    with pytest.raises(AssertionError, match="the demo was trained"):
        run(runner, Measure(2, request("demo", text, layers="0-4")))


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_layers_beyond_a_folders_depth_are_refused_before_text_is_tokenised(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("text was tokenised")

    monkeypatch.setattr(sampling, "tokenise", refuse)
    with pytest.raises(InputError, match="no layer 4: this model has layers 0 to 3"):
        run(runner, Measure(1, request(tiny_model(family), text, layers="4")))
    with pytest.raises(AssertionError, match="text was tokenised"):
        run(runner, Measure(1, request(tiny_model(family), text, layers="3")))


def test_layers_beyond_a_hub_models_depth_are_refused_before_its_weights_are_fetched(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, hub: LoopbackHub
) -> None:
    hub.models["org/tiny"] = Repository()
    hub.models["org/tiny"].commit(folder_files(tiny_model("olmo2")), branch="main")
    with pytest.raises(InputError, match="no layer 7"):
        run(runner, Measure(1, request("org/tiny", text, layers="7")))
    assert not [asked for asked in hub.requests if "safetensors" in asked]


def test_increments_stand_beside_measurements_and_need_no_second_pass(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(tiny_model("olmo2"), text)
    ((_, kept),) = measure(runner, asked)
    no_model(monkeypatch)
    run(runner, Measure(2, asked, increments=True))
    found = runner._cache.increments.load(key(increments_identity(kept.key)))
    assert found is not None
    assert found.measurements == kept.key
    assert [(row.layer, row.side, row.order) for row in found.rows] == [
        (layer, side, order) for layer in (1, 2, 3) for side in ("input", "output") for order in (1, 2, 3, 4)
    ]
    tokens = {row.layer: row.complexity for row in kept.rows if row.granularity == "token"}
    for row in found.rows:
        if (row.side, row.order) == ("input", 1):
            assert row.increment == pytest.approx(tokens[row.layer].corrected, abs=1e-9)
    colder = request(tiny_model("olmo2"), text, temperatures=("x0.5",), layers="2")
    with pytest.raises(AssertionError, match="a model was loaded"):
        run(runner, Measure(3, colder, increments=True))
    run(runner, Measure(4, request(tiny_model("olmo2"), text, temperatures=("x0.5",)), increments=True))
    both = runner._cache.increments.load(key(increments_identity(kept.key)))
    assert both is not None
    assert set(found.rows) < set(both.rows)
    monkeypatch.setattr(measuring.Measurer, "measure_increments", None)
    run(runner, Measure(5, asked, increments=True))
    mean = both.select(["mean"], kept.depth)
    assert len(mean) == 2 * 2 * 4
    same = [row.increment for row in found.rows if (row.side, row.order) == ("output", 1)]
    assert mean[4].increment == pytest.approx(sum(same) / 3)
    assert increments_text([(kept, both)], "all", {"exact"}).count("\r\n") == 1 + 8 * 4


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A preference set of 24 pairs in which chosen completions are of other words than rejected ones."""
    path = tmp_path / "pairs.jsonl"
    records = [
        {
            "prompt": " ".join(WORDS[i % 5 : i % 5 + 3]) + " ",
            "chosen": " ".join(WORDS[(i + j) % 10] for j in range(6 + i % 4)),
            "rejected": " ".join(WORDS[10 + (i + j) % 10] for j in range(6 + i % 3)),
        }
        for i in range(24)
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_preference_is_measured_on_pairs_and_then_remembered(
    runner: Runner, tiny_model: Callable[[str], Path], pairs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = request(tiny_model("olmo2"), pairs, granularities=("preference",), documents=24)
    ((event, kept),) = measure(runner, asked)
    assert not event.cached
    assert (kept.documents, kept.depth, kept.corpus) == (48, 3, "pairs.jsonl")
    assert [row.layer for row in kept.rows] == [1, 2, 3]
    assert kept.rows[0].complexity.corrected > 3 * kept.rows[0].complexity.se
    assert all(row.complexity.se > 0 and row.expressivity is None for row in kept.rows)
    no_model(monkeypatch)
    ((again, same),) = measure(Runner(tmp_path / "cache", "cpu"), asked)
    assert again.cached and same == kept
    colder = replace(asked, temperatures=("exact", "x0.5"), weights=("frequency", "uniform"))
    ((_, more),) = measure(runner, colder)
    assert set(kept.rows) < set(more.rows)
    assert len(more.rows) == 3 * 2 * 2
    points = points_of(more, "all", temperatures={"x0.5"}, weights={"uniform"})
    *values, mean = csv.DictReader(io.StringIO(points_text(points)))
    assert [row["layer"] for row in (*values, mean)] == ["1", "2", "3", "mean"]
    assert mean["granularity"] == "preference"
    assert {mean[name] for name in ("expressivity", "expressivity_se", "optimality", "output_labels")} == {""}
    corrected = [float(row["complexity_corrected"]) for row in values]
    assert float(mean["complexity_corrected"]) == pytest.approx(sum(corrected) / 3)


def test_what_a_sample_leaves_out_is_reported_from_the_cache_as_well(
    runner: Runner, tiny_model: Callable[[str], Path], pairs: Path, tmp_path: Path
) -> None:
    records = [json.dumps({"prompt": "p", "chosen": 3, "rejected": "r"}), *pairs.read_text().splitlines()]
    pairs.write_text("\n".join([records[1], records[0], *records[2:]]))
    asked = request(tiny_model("gpt2"), pairs, granularities=("preference",), documents=24)
    reason = f"the column 'chosen' holds numbers, neither text nor messages (line 2 of {pairs})"
    for one in (runner, Runner(tmp_path / "cache", "cpu")):
        progress = Notes()
        run(one, Measure(1, asked), progress)
        (note,) = [note for note in progress.notes if note.startswith("pairs.jsonl: 24")]
        used = "pairs.jsonl: 24 of the 24 requested pairs are used"
        assert note == f"{used}; 1 of the 25 read are left out: 1 because {reason}."


def test_preference_of_identical_completions_is_nothing(
    runner: Runner, tiny_model: Callable[[str], Path], pairs: Path
) -> None:
    records = [json.loads(line) for line in pairs.read_text().splitlines()]
    pairs.write_text("".join(json.dumps(one | {"rejected": one["chosen"]}) + "\n" for one in records))
    ((_, kept),) = measure(runner, request(tiny_model("gpt2"), pairs, granularities=("preference",), documents=24))
    for row in kept.rows:
        assert row.complexity.is_zero
        assert row.complexity.plugin == pytest.approx(0, abs=1e-6)


def test_a_text_is_no_preference_set(runner: Runner, tiny_model: Callable[[str], Path], text: Path) -> None:
    with pytest.raises(InputError, match="no column chosen and no rejected; its columns are text"):
        run(runner, Measure(1, request(tiny_model("gpt2"), text, granularities=("preference",))))
    with pytest.raises(InputError, match="token and preference are measured on different samples, texts and pairs"):
        request(tiny_model("gpt2"), text, granularities=("token", "preference"))


def test_measuring_preference_from_a_notebook(tiny_model: Callable[[str], Path], pairs: Path, tmp_path: Path) -> None:
    asked = request(tiny_model("gpt2"), pairs, documents=24, layers="2", granularities=("preference",))
    (found,) = ib_explorer.measure(asked, cache_dir=tmp_path / "cache").records
    assert [row.layer for row in found.rows] == [2]


def test_all_options_hold_for_preference(runner: Runner, tiny_model: Callable[[str], Path], pairs: Path) -> None:
    asked = request(
        tiny_model("gpt2"),
        pairs,
        granularities=("preference",),
        documents=24,
        variants=("raw", "centred"),
        weights=("uniform",),
        min_count=2,
        loss=True,
    )
    ((_, found),) = measure(runner, asked)
    assert {(row.variant, row.min_count) for row in found.rows} == {("raw", 2), ("centred", 2)}
    assert found.loss == pytest.approx(5.7, abs=0.5)  # near ln 300: the model is random


def with_topics(text: Path, topics: list[object]) -> None:
    records = [json.loads(line) for line in text.read_text().splitlines()]
    lines = [json.dumps(one | {"topic": topic}) for one, topic in zip(records, topics, strict=True)]
    text.write_text("\n".join(lines))


def test_a_column_of_the_corpus_is_measured_from_stored_scores(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_topics(text, [number % 3 for number in range(12)])
    asked = request(tiny_model("gpt2"), text)
    ((_, ngrams),) = measure(runner, asked)
    no_model(monkeypatch)
    of_topic = replace(asked, granularities=("token", "column:topic"))
    (first, same), (second, found) = measure(runner, of_topic)
    assert first.cached and same == ngrams
    assert not second.cached and second.key != first.key
    assert {row.granularity for row in found.rows} == {"column:topic"}
    assert all(row.expressivity is None and row.complexity.labels == 3 for row in found.rows)
    assert (found.sample, found.positions, found.width) == (ngrams.sample, ngrams.positions, ngrams.width)
    assert measure(runner, of_topic)[1][0].cached


def test_one_pass_gives_the_loss_to_all_families_of_labels(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path
) -> None:
    with_topics(text, [number % 3 for number in range(12)])
    passes: list[int] = []

    class Counting(Progress):
        def phase(self, phase: str, done: int, total: int | None, unit: str) -> None:
            if phase == "forward" and done == 0:
                passes.append(1)

    asked = request(tiny_model("gpt2"), text, granularities=("token", "column:topic"), loss=True)
    records = [record for _, record in measure(runner, asked, Counting())]
    assert len(passes) == 1 and len(records) == 2
    assert records[0].loss == records[1].loss == pytest.approx(5.7, abs=0.5)
    assert all(event.cached for event, _ in measure(runner, asked))


def test_other_values_of_a_column_are_measured_anew(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path
) -> None:
    """The texts stay as they are, so their tokens do; the topics are those of now."""
    found = []
    for count in (2, 3):
        with_topics(text, [number % count for number in range(12)])
        ((event, record),) = measure(runner, request(tiny_model("gpt2"), text, granularities=("column:topic",)))
        assert not event.cached
        found.append(record)
    assert [record.rows[0].complexity.labels for record in found] == [2, 3]
    assert found[0].sample == found[1].sample and found[0].key != found[1].key


@pytest.mark.parametrize(
    ("topics", "words"),
    [
        (["a"] * 12, "All documents of text.jsonl have the same value in the column 'topic'"),
        (["a", "b"] * 5 + [None] * 2, "2 of 12 documents of text.jsonl have no value in the column 'topic'"),
    ],
)
def test_columns_without_information_are_refused(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, topics: list[object], words: str
) -> None:
    with_topics(text, topics)
    with pytest.raises(InputError, match=words):
        measure(runner, request(tiny_model("gpt2"), text, granularities=("column:topic",)))


def test_pairs_matched_in_length_are_another_sample_without_a_part_of_length(
    runner: Runner, tiny_model: Callable[[str], Path], tmp_path: Path
) -> None:
    path = tmp_path / "lopsided.jsonl"
    lines = [{"prompt": f"of {n} ", "chosen": "it reads " * 3 + str(n), "rejected": "what " * 12} for n in range(12)]
    path.write_text("\n".join(map(json.dumps, lines)))
    asked = request(tiny_model("olmo2"), path, granularities=("preference",), documents=12)
    ((_, found),) = measure(runner, asked)
    ((_, matched),) = measure(runner, replace(asked, match_length=True))
    assert {row.complexity.length == 0 for row in found.rows} == {False}
    assert {row.complexity.length for row in matched.rows} == {0.0}
    assert found.sample != matched.sample and found.key != matched.key and matched.positions < found.positions
    stored = {record.key: record for record in runner._cache.measurements.all()}
    assert stored[found.key].rows == found.rows


def test_only_pairs_are_matched_in_length() -> None:
    with pytest.raises(
        InputError, match="--match-length applies to pairs, and token is measured on texts: leave it out"
    ):
        MeasurementRequest("demo", match_length=True)


def test_a_sample_has_the_identity_it_had_unless_pairs_are_matched() -> None:
    asked = MeasurementRequest("demo", granularities=("preference",))
    plain, matched = (sample_identity({}, "t", {}, replace(asked, match_length=match)) for match in (False, True))
    assert set(matched) - set(plain) == {"match_length"} and "match_length" not in plain
