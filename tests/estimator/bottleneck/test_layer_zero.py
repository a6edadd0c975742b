"""The layer-0 theorem: where Z is a function of the token alone, plug-in points lie under the IB curve of the text.

Y – X – Z is then a Markov chain in the sample itself, so I(Y;Z) ≤ max I(Y;T) at I(X;T) = I(X;Z) holds for the plug-in
values without any error, at every temperature and for every anchor draw. Labels, scores, prepared and solver all have
a part in it, and share no code on the way.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from estimator.bottleneck.joint import joint_counts
from estimator.bottleneck.solver import information_bottleneck
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.tokenizer import load_tokenizer
from estimator.curve import BoundCurve, distance_to_bound
from estimator.demo.recipe import Recipe, checkpoint_folder
from estimator.demo.training import train_demo
from estimator.progress import Progress
from estimator.soft_entropy.information import Estimator
from estimator.soft_entropy.jackknife import document_groups
from estimator.soft_entropy.temperature import parse_temperature
from estimator.states.anchors import stack_anchors
from estimator.states.loading import load_model
from estimator.states.scores import compute_scores
from estimator.text.corpus import Corpus
from estimator.text.kinds import ngram_labels
from estimator.text.labels import LabelSet, label_set
from estimator.text.sample import Sample, tokenise
from estimator.text.sources import open_corpus
from estimator.text.tables import PlainTexts

TEMPERATURES = ("exact", "leading-order", "x0.5", "x2")
ANCHORS, SEEDS = 100, (0, 1, 2, 3)
RECIPE = Recipe(
    vocabulary=400,
    width=48,
    intermediate=96,
    depth=2,
    heads=2,
    context=96,
    batch=16,
    window=64,
    learning_rate=8e-3,
    warmup=10,
    held_out=48,
    steps=(0, 60),
)


@functools.cache
def some_docstrings() -> Corpus:
    """The first documentation strings of the running Python."""
    texts = list(itertools.islice(open_corpus("docstrings", Progress()).texts(), 200))
    return Corpus("docstrings", {}, [PlainTexts("docstrings", lambda: texts)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small OLMo2 with its first and its last checkpoint."""
    run = tmp_path_factory.mktemp("run")
    assert list(train_demo(RECIPE, some_docstrings(), run, Progress())) == [0, 60]
    return run


def sample_of(folder: Path) -> Sample:
    tokenizer = load_tokenizer(Revision(str(folder), folder.name, folder=str(folder)), Progress())
    return tokenise(some_docstrings(), tokenizer, 48, 96, Progress())


def curve_of(x: LabelSet, y: LabelSet) -> BoundCurve:
    """The curve with a cluster for every x: nothing of the true one is left out but what the tolerance allows."""
    betas = 1 + np.geomspace(0.02, 60, 50)
    joint = joint_counts(x.ids, y.ids)
    return information_bottleneck(joint, "token", betas=betas, clusters=joint.input_labels, tolerance=1e-6, limit=300)


def gaps(folder: Path, layer: int, sample: Sample, labels: Sequence[LabelSet], curve: BoundCurve) -> list[float]:
    """How far the plug-in point of each temperature and seed is under ``curve``, in bits."""
    model = load_model(Revision(str(folder), folder.name, folder=str(folder)), "cpu", "float32", Progress())
    scores = torch.empty((len(SEEDS), sample.positions, ANCHORS), dtype=torch.float16)
    compute_scores(model, sample, stack_anchors(ANCHORS, model.width, SEEDS), [layer], [scores], Progress())
    prepared = Estimator(labels, document_groups(sample.document_of_position()))
    found, bits = [], math.log2(ANCHORS)
    for rule, seed in itertools.product(TEMPERATURES, range(len(SEEDS))):
        temperature = parse_temperature(rule).value(ANCHORS, model.width)
        draw = prepared.measure(scores[seed : seed + 1], temperature)
        values = (draw.find("token", side, "frequency") for side in ("input", "output"))
        found.append(distance_to_bound(curve, *(value.plugin * bits for value in values if value)).gap)
    return found


@pytest.mark.parametrize("step", RECIPE.steps)
def test_the_embedding_of_a_real_model_is_under_the_curve_of_real_text(trained: Path, step: int) -> None:
    folder = checkpoint_folder(trained, step)
    sample = sample_of(folder)
    x, y = ngram_labels(sample, "token")
    assert x.labels > 150 and sample.positions > 3000
    found = gaps(folder, 0, sample, [x, y], curve_of(x, y))
    assert len(found) == len(TEMPERATURES) * len(SEEDS)
    assert min(found) >= 0, found


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_so_is_that_of_other_families_without_positions(tiny_model: Callable[[str], Path], family: str) -> None:
    sample = sample_of(tiny_model(family))
    x, y = ngram_labels(sample, "token")
    assert min(gaps(tiny_model(family), 0, sample, [x, y], curve_of(x, y))) >= 0


def test_a_deeper_layer_sees_more_than_the_token_and_crosses(trained: Path) -> None:
    """Untrained, the last layer's Z is nearly each position's own: plug-in I(Y;Z) counts that, and I(X;Z) is small."""
    folder = checkpoint_folder(trained, 0)
    sample = sample_of(folder)
    x, y = ngram_labels(sample, "token")
    assert max(gaps(folder, RECIPE.depth, sample, [x, y], curve_of(x, y))) < 0


def test_labels_one_position_off_cross(trained: Path) -> None:
    """With X and Y one token early, Z is a function of Y: were labels misaligned, this test would tell."""
    folder = checkpoint_folder(trained, 60)
    sample = sample_of(folder)
    positions = sample.position_index()
    x, y = (
        label_set(sample.tokens[positions + offset], "token", side) for offset, side in ((-1, "input"), (0, "output"))
    )
    assert max(gaps(folder, 0, sample, [x, y], curve_of(x, y))) < 0
