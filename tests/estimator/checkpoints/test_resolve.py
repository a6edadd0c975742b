"""Model references: folders, hub ids, revisions, and the hub within and out of reach."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from benchmarks.loopback_hub import LoopbackHub, Repository, folder_files
from estimator.checkpoints import download as downloading
from estimator.checkpoints.folders import model_name, stated_depth, tokenizer_files
from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.resolve import content_files, list_revisions, model_folder, resolve, split_reference
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.tokenizer import borrowed_note, load_tokenizer, tokenizer_folder
from estimator.errors import Cancelled, InputError, MeasurementError
from estimator.progress import Progress
from estimator.states.loading import load_model


class Heard(Progress):
    def __init__(self):
        self.phases: list[tuple] = []

    def phase(self, *report):
        self.phases.append(report)


def names(revisions: list[Revision]) -> list[str]:
    return [revision.name for revision in revisions]


def test_references_are_split_at_the_at_sign(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert split_reference("a/b") == ("a/b", None)
    assert split_reference("a/b@main") == ("a/b", "main")
    assert split_reference("a/b@feature@2") == ("a/b", "feature@2")
    (tmp_path / "run@1").mkdir()
    assert split_reference("run@1") == ("run@1", None)
    assert split_reference("run@1@checkpoint-5") == ("run@1", "checkpoint-5")
    assert split_reference("./missing@1@all") == ("./missing@1", "all")
    for empty in ("@main", "a/b@"):
        with pytest.raises(InputError):
            split_reference(empty)


# Folders


@pytest.fixture
def run_folder(tiny_model, tmp_path) -> Path:
    """A training run as a trainer leaves it: three checkpoints, one of them still being written, and other folders."""
    run = tmp_path / "run"
    for step in (1000, 200, 30):
        shutil.copytree(tiny_model("olmo2"), run / f"checkpoint-{step}")
    (run / "checkpoint-2000").mkdir()
    shutil.copy(run / "checkpoint-30" / "config.json", run / "checkpoint-2000")
    (run / "logs").mkdir()
    return run


def test_a_model_folder_is_one_revision(tiny_model):
    folder = tiny_model("olmo2")
    assert list_revisions(str(folder), Progress()) == [Revision(str(folder), "olmo2", None, str(folder))]
    assert names(resolve(str(folder), None, Progress())) == ["olmo2"]


def test_a_folder_has_one_name_however_it_is_written(tiny_model, tmp_path, monkeypatch):
    folder = shutil.copytree(tiny_model("olmo2"), tmp_path / "model")
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for written in ("model", "./model", "model/", str(folder), "link", "~/model", "../" + tmp_path.name + "/model"):
        assert list_revisions(written, Progress()) == [Revision(str(folder), "model", None, str(folder))]
        assert model_name(written) == str(folder)
    assert model_name("org/model") == "org/model"


def _adapter(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")


def _other_weights(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"transformers_weights": "other.safetensors"}))


def _other_configuration(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"configuration_files": ["config.4.0.0.json"]}))


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (_adapter, "adapter", r"merge_and_unload\(\)"),
        (_other_weights, "config", "transformers_weights"),
        (_other_configuration, "config", "configuration_files"),
    ],
)
def test_a_model_read_from_further_files_is_refused(tiny_model, tmp_path, change, kind, says):
    folder = shutil.copytree(tiny_model("olmo2"), tmp_path / "run" / "checkpoint-10")
    change(folder)
    (revision,) = list_revisions(str(tmp_path / "run"), Progress())
    for attempt in (lambda: content_files(folder), lambda: load_model(revision, "cpu", "auto", Progress())):
        with pytest.raises(InputError, match=says) as caught:
            attempt()
        assert caught.value.kind == kind


def test_an_adapter_alone_is_no_model(tmp_path):
    (tmp_path / "checkpoint-10").mkdir()
    (tmp_path / "checkpoint-10" / "adapter_config.json").write_text("{}")
    (tmp_path / "checkpoint-10" / "adapter_model.safetensors").write_bytes(b"1")
    for folder in (tmp_path, tmp_path / "checkpoint-10"):
        with pytest.raises(InputError, match="without its model: merge the two") as caught:
            list_revisions(str(folder), Progress())
        assert caught.value.kind == "adapter"


def test_every_file_of_a_decoders_tokenizer_is_one_of_its_files(tmp_path):
    """Of the tokenizers that transformers names for the families that we load."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name

    classes = {TOKENIZER_MAPPING_NAMES.get(family) for family in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES} - {None}
    loaded = [found for name in sorted(classes) if (found := tokenizer_class_from_name(name)) is not None]
    files = {file for one in loaded for file in (getattr(one, "vocab_files_names", None) or {}).values()}
    assert {"vocab.json", "merges.txt", "tokenizer.model"} <= files
    for file in sorted(files - {"config.json"}):
        (tmp_path / file).write_text("")
    assert {path.name for path in tokenizer_files(tmp_path)} == files - {"config.json"}


def test_a_run_folder_has_its_whole_checkpoints_in_training_order(run_folder):
    found = list_revisions(str(run_folder), Progress())
    assert names(found) == ["checkpoint-30", "checkpoint-200", "checkpoint-1000"]
    assert [revision.step for revision in found] == [30, 200, 1000]
    assert found[0].folder == str(run_folder / "checkpoint-30")
    assert names(resolve(str(run_folder), None, Progress())) == ["checkpoint-1000"]
    assert names(resolve(str(run_folder), "checkpoint-[23]*", Progress())) == ["checkpoint-30", "checkpoint-200"]


def test_a_model_saved_beside_its_checkpoints_is_main(run_folder, tiny_model):
    shutil.copytree(tiny_model("olmo2"), run_folder, dirs_exist_ok=True)
    assert names(list_revisions(str(run_folder), Progress()))[-1] == "main"
    assert names(resolve(str(run_folder), None, Progress())) == ["main"]


def test_an_unfinished_checkpoint_says_what_it_lacks(run_folder):
    with pytest.raises(InputError, match="no weights") as error:
        resolve(str(run_folder), "checkpoint-2000", Progress())
    assert error.value.kind == "weights"


def test_a_folder_that_holds_no_model(tmp_path, tiny_model):
    model = tmp_path / "model"
    model.mkdir()
    kinds = {}

    def refused() -> str:
        with pytest.raises(InputError) as error:
            list_revisions(str(model), Progress())
        kinds[str(error.value)] = error.value.kind
        return str(error.value)

    assert "has no config.json" in refused()
    shutil.copy(tiny_model("olmo2") / "config.json", model)
    assert "no weights" in refused()
    (model / "weights.bin").touch()
    assert "has weights in weights.bin, but no pytorch_model.bin or model.safetensors" in refused()
    (model / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-1-of-2.safetensors"}}')
    assert "lacks model-1-of-2.safetensors" in refused()
    (model / "model.safetensors.index.json").write_text("{")
    assert "does not map weights to files" in refused()
    assert list(kinds.values()) == ["config", "weights", "weights", "weights", "weights"]


def test_paths_that_are_no_folders(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        list_revisions(str(tmp_path / "file"), Progress())
    with pytest.raises(InputError, match="There is no folder"):
        list_revisions(str(tmp_path / "none"), Progress())


def test_content_files_are_those_that_decide_the_numbers(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model("olmo2"), tmp_path / "model")
    for other in ("optimizer.pt", "trainer_state.json", "README.md", "generation_config.json", "rng_state.pth"):
        (folder / other).touch()
    assert [file.name for file in content_files(folder)] == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_shards_and_their_index_are_content(tiny_model, tmp_path):
    from transformers import AutoModelForCausalLM

    folder = tmp_path / "sharded"
    AutoModelForCausalLM.from_pretrained(tiny_model("olmo2")).save_pretrained(folder, max_shard_size="40KB")
    found = [file.name for file in content_files(folder)]
    assert "model.safetensors.index.json" in found and sum(name.endswith(".safetensors") for name in found) > 1
    assert load_model(list_revisions(str(folder), Progress())[0], "cpu", "auto", Progress()).depth == 3


@pytest.mark.parametrize(
    ("config", "depth"),
    [
        ('{"num_hidden_layers": 16}', 16),
        ('{"n_layer": 12}', 12),
        ('{"num_hidden_layers": 2, "text_config": {"num_hidden_layers": 26}}', 26),
        ('{"num_layers": 3}', None),
        ('{"num_hidden_layers": "many"}', None),
        ("[1]", None),
        ("{", None),
        (None, None),
    ],
)
def test_a_depth_is_that_of_the_decoder_where_the_configuration_states_it(tmp_path, config, depth):
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    assert stated_depth(tmp_path) == depth


def test_a_checkpoint_without_tokenizer_has_the_runs(run_folder, tiny_model):
    checkpoint = run_folder / "checkpoint-30"
    for file in checkpoint.glob("tokenizer*"):
        file.unlink()
    revision = resolve(str(run_folder), "checkpoint-30", Progress())[0]
    with pytest.raises(InputError, match="has no tokenizer") as error:
        load_tokenizer(revision)
    assert error.value.kind == "tokenizer"
    for file in tiny_model("olmo2").glob("tokenizer*"):
        shutil.copy(file, run_folder)
    assert load_tokenizer(revision)("text")["input_ids"]
    (run_folder / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_tokenizer(revision)


# The hub


@pytest.fixture
def published(hub: LoopbackHub, tiny_model) -> LoopbackHub:
    """A hub with one model of four names and three commits, and repositories that cannot be loaded."""
    files = folder_files(tiny_model("olmo2")) | {"README.md": b"# A model", "onnx/model.safetensors": b"never"}
    model = hub.models["org/tiny"] = Repository()
    for branch in ("main", "stage1-step1000-tokens2B", "stage1-step20-tokens1B"):
        model.commit(files | {"README.md": branch.encode()}, branch=branch)
    model.tags["v1"] = model.branches["main"]
    hub.models["org/gated"] = Repository(gated=True)
    hub.models["org/gated"].commit(files, branch="main")
    hub.models["org/pickled"] = Repository()
    hub.models["org/pickled"].commit({"config.json": files["config.json"], "pytorch_model.bin": b"x"}, branch="main")
    hub.models["org/weightless"] = Repository()
    hub.models["org/weightless"].commit({"config.json": b"{}", "optimizer.bin": b"x"}, branch="main")
    hub.models["org/bare"] = Repository()
    hub.models["org/bare"].commit({"model.safetensors": files["model.safetensors"]}, branch="main")
    hub.models["org/empty"] = Repository()
    return hub


def unplug(hub: LoopbackHub, monkeypatch, how: str) -> None:
    if how == "offline":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    elif how == "no server":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{free.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    else:
        hub.status = 503


WAYS = ["offline", "no server", "server errors"]


def test_hub_revisions_are_branches_and_tags(published):
    revisions = list_revisions("org/tiny", Progress())
    assert names(revisions) == ["stage1-step20-tokens1B", "stage1-step1000-tokens2B", "main", "v1"]
    assert revisions[0].commit == published.models["org/tiny"].branches["stage1-step20-tokens1B"]
    assert names(resolve("org/tiny", None, Progress())) == ["main"]
    assert names(resolve("org/tiny", "stage1", Progress())) == names(revisions[:2])
    assert [r.commit for r in resolve("org/tiny", revisions[1].commit[:9], Progress())] == [revisions[1].commit]


def test_listing_follows_hf_endpoint_and_needs_no_torch(published, tmp_path):
    program = (
        "import sys; from estimator.checkpoints.resolve import list_revisions; "
        "from estimator.progress import Progress; "
        "print(*(revision.name for revision in list_revisions('org/tiny', Progress()))); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'datasets')))"
    )
    environment = {**os.environ, **published.environment(tmp_path / "home")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["stage1-step20-tokens1B", "stage1-step1000-tokens2B", "main", "v1"]


def test_a_commit_without_a_name_is_a_revision(published):
    old = published.models["org/tiny"].commit({"config.json": b"{}"})
    assert resolve("org/tiny", old, Progress()) == [Revision("org/tiny", old, old)]
    with pytest.raises(InputError, match="no revision"):
        resolve("org/tiny", "0" * 40, Progress())


def test_a_hub_model_is_fetched_once_and_loads(published):
    revision = resolve("org/tiny", "stage1-step1000-tokens2B", Progress())[0]
    heard = Heard()
    folder = model_folder(revision, heard)
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    downloads = [report for report in heard.phases if report[0] == "download"]
    assert downloads and downloads[0][1] == 0 and {report[3] for report in downloads} == {"MB"}
    asked = len(published.requests)
    assert load_model(revision, "cpu", "auto", Progress()).depth == 3
    assert load_tokenizer(revision)("text")["input_ids"]
    assert len(published.requests) == asked


def test_a_hub_revision_with_an_adapter_is_refused(hub, tiny_model):
    files = folder_files(tiny_model("olmo2")) | {"adapter_config.json": b"{}"}
    hub.models["org/tuned"] = Repository()
    hub.models["org/tuned"].commit(files, branch="main")
    alone = {name: content for name, content in files.items() if name != "model.safetensors"}
    hub.models["org/tuned"].commit(alone | {"adapter_model.safetensors": b"1"}, branch="alone")
    for name, says in (("main", "org/tuned@main has an adapter"), ("alone", "org/tuned@alone is an adapter without")):
        (revision,) = resolve("org/tuned", name, Progress())
        with pytest.raises(InputError, match=says) as caught:
            load_model(revision, "cpu", "auto", Progress())
        assert caught.value.kind == "adapter"


def test_download_reports_every_byte(published):
    big = folder_files(Path(model_folder(resolve("org/tiny", None, Progress())[0], Progress())))
    published.models["org/big"] = Repository()
    published.models["org/big"].commit(big | {"extra.safetensors": bytes(25_000_000)}, branch="main")
    heard = Heard()
    model_folder(resolve("org/big", None, Progress())[0], heard)
    done = [report[1] for report in heard.phases]
    assert done == sorted(done) and done[0] == 0
    assert heard.phases[-1] == ("download", 25, 25, "MB")


def test_a_download_can_be_cancelled_and_goes_on_later(published):
    class Stop(Progress):
        def phase(self, phase, done, total, unit):
            if done >= 10:
                raise Cancelled

    files = folder_files(model_folder(resolve("org/tiny", None, Progress())[0], Progress()))
    published.models["org/big"] = Repository()
    published.models["org/big"].commit(files | {"extra.safetensors": bytes(45_000_000)}, branch="main")
    revision = resolve("org/big", None, Progress())[0]
    with pytest.raises(Cancelled):
        model_folder(revision, Stop())
    assert (model_folder(revision, Progress()) / "extra.safetensors").stat().st_size == 45_000_000


def test_a_tokenizer_alone_fetches_no_weights(published):
    load_tokenizer(resolve("org/tiny", None, Progress())[0])
    assert not any("model.safetensors" in request for request in published.requests)
    assert load_model(resolve("org/tiny", None, Progress())[0], "cpu", "auto", Progress()).depth == 3


@pytest.mark.parametrize("how", WAYS)
def test_out_of_reach_what_is_cached_is_used(published, monkeypatch, how):
    revision = resolve("org/tiny", "stage1-step1000-tokens2B", Progress())[0]
    folder = model_folder(revision, Progress())
    unplug(published, monkeypatch, how)
    assert list_revisions("org/tiny", Progress()) == [revision]
    assert resolve("org/tiny", revision.commit, Progress()) == [revision]
    assert model_folder(revision, Progress()) == folder


@pytest.mark.parametrize("how", WAYS)
def test_out_of_reach_what_is_not_cached_is_one_sentence(published, monkeypatch, how):
    known = resolve("org/tiny", None, Progress())[0]
    load_tokenizer(known)  # leaves a snapshot without weights in the cache
    unplug(published, monkeypatch, how)
    for attempt in (lambda: list_revisions("org/other", Progress()), lambda: model_folder(known, Progress())):
        says = r"(HF_HUB_OFFLINE|does not answer|answers 503)"
        with pytest.raises((InputError, MeasurementError), match=says) as error:
            attempt()
        expected = (InputError, "model") if how == "offline" else (MeasurementError, "network")
        assert (error.type, error.value.kind) == expected and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("model", "kind", "says"),
    [
        ("org/none", "model", "no public model"),
        ("org/empty", "model", "has no branch"),
        ("a/b/c", "model", "neither a local folder nor a hub id"),
        ("org/gated", "access", "is gated: accept its terms"),
        ("org/weightless", "weights", r"no weights \(safetensors, or pytorch_model.bin\)"),
        ("org/bare", "config", "no config.json"),
    ],
)
def test_hub_models_that_cannot_be_loaded(published, model, kind, says):
    with pytest.raises(InputError, match=says) as error:
        model_folder(resolve(model, None, Progress())[0], Progress())
    assert error.value.kind == kind and "\n" not in str(error.value)


def test_bin_files_are_fetched_where_there_is_nothing_else(published):
    revision = resolve("org/pickled", None, Progress())[0]
    with pytest.raises(InputError, match=r"has weights in \.bin files only, and --safetensors-only is set"):
        model_folder(revision, Progress(), pickles=False)
    assert not any("resolve" in request for request in published.requests)
    folder = model_folder(revision, Progress())
    assert (folder / "pytorch_model.bin").read_bytes() == b"x"
    published.requests.clear()
    assert model_folder(revision, Progress()) == folder and published.requests == []
    published.models["org/both"] = Repository()
    both = folder_files(model_folder(resolve("org/tiny", None, Progress())[0], Progress()))
    published.models["org/both"].commit(both | {"pytorch_model.bin": b"x", "training_args.bin": b"x"}, branch="main")
    assert not list(model_folder(resolve("org/both", None, Progress())[0], Progress()).glob("*.bin"))


def test_a_revision_without_tokenizer_has_that_of_main(published, monkeypatch):
    files = folder_files(model_folder(resolve("org/tiny", None, Progress())[0], Progress()))
    bare = {name: content for name, content in files.items() if "tokenizer" not in name}
    published.models["org/bloom"] = Repository()
    published.models["org/bloom"].commit(bare, branch="step10")
    revision = resolve("org/bloom", "step10", Progress())[0]
    with pytest.raises(InputError, match="org/bloom@step10 has no tokenizer") as error:
        tokenizer_folder(revision, Progress())
    assert error.value.kind == "tokenizer"
    main = published.models["org/bloom"].commit(files, branch="main")
    folder = tokenizer_folder(revision, Progress())
    assert folder.name == main and not (folder / "model.safetensors").exists()
    assert borrowed_note(revision, folder) == (
        f"Checkpoints of org/bloom without a tokenizer use that of org/bloom@main ({main[:8]})."
    )
    own = resolve("org/tiny", None, Progress())[0]
    assert borrowed_note(own, tokenizer_folder(own, Progress())) is None
    unplug(published, monkeypatch, "offline")
    assert tokenizer_folder(revision, Progress()) == folder


def test_an_unknown_revision_names_the_closest(published):
    with pytest.raises(InputError, match="the closest are stage1-step1000-tokens2B"):
        resolve("org/tiny", "stage1-step1000", Progress())
    with pytest.raises(InputError, match="no longer has a revision gone") as error:
        model_folder(parse_checkpoint("org/tiny", "gone", "1" * 40), Progress())
    assert error.value.kind == "revision"


def test_no_room_on_the_disk_is_said_before_the_download(published, monkeypatch):
    revision = resolve("org/tiny", None, Progress())[0]
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match="free some space") as error:
        model_folder(revision, Progress())
    assert error.value.kind == "disk"
    assert not any(request.startswith("GET /org/tiny/resolve") for request in published.requests)
