"""Hubs that fail, refuse, or lie: what is tried again, what is said, and what is never written."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants

from benchmarks.loopback_hub import LoopbackHub, Repository
from estimator.checkpoints import hub as hub_module
from estimator.checkpoints import hub_client
from estimator.checkpoints.hub_client import is_reference
from estimator.checkpoints.hub_meter import Meter, Watch
from estimator.checkpoints.patience import WAITS, Unavailable
from estimator.checkpoints.resolve import list_revisions, model_folder, resolve
from estimator.checkpoints.revision import Revision
from estimator.errors import InputError, MeasurementError
from estimator.progress import Progress

CONFIG = b'{"model_type": "olmo2"}'
FILES = {"config.json": CONFIG, "tokenizer.json": b"{}", "model.safetensors": bytes(200_000)}


class Notes(Progress):
    def __init__(self):
        self.notes: list[str] = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def published(hub: LoopbackHub) -> LoopbackHub:
    hub.models["org/tiny"] = Repository()
    hub.models["org/tiny"].commit(FILES, branch="main")
    return hub


def fetched(progress: Progress | None = None) -> Path:
    progress = progress or Progress()
    return model_folder(resolve("org/tiny", "main", progress)[0], progress)


def complete(folder: Path) -> bool:
    return {path.name: path.read_bytes() for path in folder.iterdir()} == FILES


PLACES = ["/refs", "/tree/", "HEAD /org/tiny/resolve", "GET /org/tiny/resolve"]


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_hub_is_asked_again(published, where, status):
    published.faults = [(where, status)] * 3
    notes = Notes()
    assert complete(fetched(notes))
    assert not published.faults
    assert f"The hub answers {status}; trying again in 2 s (1 of 6)." in notes.notes
    assert sum(published.waited) <= 2 + 4 + 8 + 0.01


@pytest.mark.parametrize("where", PLACES)
def test_a_hub_out_of_reach_is_given_up_after_two_minutes(published, where):
    published.faults = [(where, 503)] * 100
    with pytest.raises(MeasurementError, match="because the hub answers 503: run the same command again") as error:
        fetched()
    assert error.value.kind == "network"
    assert sum(published.waited) == pytest.approx(sum(WAITS))


def test_a_hub_says_when_to_come_back(published):
    published.headers["Retry-After"] = "3"
    published.faults = [("/refs", 429)] * 2
    fetched()
    assert sum(published.waited) == pytest.approx(6)
    published.headers = {"ratelimit": '"api";r=0;t=55'}
    published.faults = [("/refs", 429)]
    list_revisions("org/tiny", Progress())
    assert sum(published.waited) == pytest.approx(61)


@pytest.mark.parametrize("effect", ["short", "wrong length"])
def test_a_file_of_the_wrong_length_is_fetched_again(published, effect):
    where = "GET /org/tiny/resolve" if effect == "short" else "HEAD /org/tiny/resolve"
    published.faults = [(where, effect)]
    assert complete(fetched())


def test_a_file_that_always_has_the_wrong_length_is_one_sentence(published):
    published.faults = [("HEAD /org/tiny/resolve", "wrong length")] * 1000
    with pytest.raises(MeasurementError, match="the hub sent a file of the wrong length") as error:
        fetched()
    assert "\n" not in str(error.value) and "force_download" not in str(error.value)
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*.safetensors"))


@pytest.mark.parametrize("where", ["/refs", "/tree/", "HEAD /org/tiny/resolve", "GET /org/tiny/resolve"])
def test_a_silent_hub_is_not_waited_for_without_limit(published, monkeypatch, where):
    monkeypatch.setattr(hub_client, "LIMITS", dict.fromkeys(hub_client.LIMITS, 0.2))
    for name in ("HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT"):
        monkeypatch.setattr(constants, name, 0.2)
    published.faults = [(where, "silent")] * 2
    notes = Notes()
    revision = Revision("org/tiny", "main", published.models["org/tiny"].branches["main"])
    list_revisions("org/tiny", notes) if where == "/refs" else model_folder(revision, notes)
    assert any("does not answer (ReadTimeout" in note for note in notes.notes)


def test_a_download_without_a_byte_for_two_minutes_is_interrupted():
    now = [0.0]
    meter = Meter()
    watch = Watch(meter, 10**6, Progress(), clock=lambda: now[0])
    for _ in range(3):
        now[0] += 100
        meter.received += 1
        watch.report()
    now[0] += 121
    with pytest.raises(Unavailable, match="has sent nothing for 120 s"):
        watch.report()


@pytest.mark.parametrize("where", ["/tree/", "HEAD /org/tiny/resolve", "GET /org/tiny/resolve"])
def test_files_that_may_not_be_read_say_how_to_get_access(published, where):
    published.faults = [(where, 403)] * 100
    with pytest.raises(InputError, match=r"does not permit you to read org/tiny@main .*request access at") as error:
        fetched()
    assert error.value.kind == "access" and not published.waited


def test_another_site_that_answers_is_not_taken_for_a_hub(published):
    published.faults = [("/refs", "html")]
    with pytest.raises(InputError, match="does not answer like a Hugging Face hub") as error:
        list_revisions("org/tiny", Progress())
    assert error.value.kind == "hub" and "\n" not in str(error.value)


@pytest.mark.parametrize("address", ["localhost:8000", "http://[::1", "ftp://hub", ""])
def test_an_address_that_is_none_is_one_sentence(published, monkeypatch, address):
    monkeypatch.setattr(constants, "ENDPOINT", address)
    with pytest.raises(InputError, match="HF_ENDPOINT is") as error:
        list_revisions("org/tiny", Progress())
    assert error.value.kind == "hub"
    assert not hub_module.answers()


def test_a_hub_that_fails_is_replaced_by_the_cache_with_a_note(published):
    fetched()
    published.models["org/tiny"].commit({"config.json": CONFIG}, branch="later")
    published.status = 503
    notes = Notes()
    assert [revision.name for revision in list_revisions("org/tiny", notes)] == ["main"]
    assert notes.notes[-1] == "The hub answers 503: of org/tiny, only the 1 revisions in the local cache are known."


def test_a_cache_that_cannot_be_written_is_one_sentence(published, tmp_path):
    (tmp_path / "hub-cache").write_text("a file where a folder should be")
    with pytest.raises(InputError, match="set HF_HOME to another folder") as error:
        fetched()
    assert error.value.kind == "disk"


# What a hub could write


def everything_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


FORBIDDEN = ["../../../../escaped", "/tmp/escaped", "a/../../b", "..", ".", ".git", "a//b", "a/", "a/.hidden", "x.lock"]
ALLOWED = ["main", "stage1-step1000-tokens2B", "refs/pr/1", "v1.0", "step_1", "feature@2", "größe", "a-b/c.d", "@x"]


@pytest.mark.parametrize("name", [*FORBIDDEN, "a\nb", "a\x1b]0;b", "a b", "a\\b", "a@{b", "a:b", "a*", ""])
def test_names_that_git_forbids_are_left_out(published, name, tmp_path):
    assert not is_reference(name)
    repository = published.models["org/tiny"]
    repository.branches[name] = repository.branches["main"]
    notes = Notes()
    before = everything_below(tmp_path)
    revisions = list_revisions("org/tiny", notes)
    assert [revision.name for revision in revisions] == ["main"]
    assert any("1 names or commits of org/tiny that git does not allow" in note for note in notes.notes)
    for revision in [*revisions, Revision("org/tiny", name, repository.branches["main"])]:
        model_folder(revision, Progress())
    written = everything_below(tmp_path) - before
    assert all(path.startswith("hub-cache/") for path in written)
    assert {path for path in written if "/refs/" in path} == {"hub-cache/models--org--tiny/refs/main"}


@pytest.mark.parametrize("name", ALLOWED)
def test_names_that_git_allows_are_kept(name):
    assert is_reference(name)


@pytest.mark.parametrize("commit", ["../../../x", "/tmp/x", "main", "A" * 40, "0" * 39, "0" * 64, "", "0" * 39 + "g"])
def test_commits_that_are_none_are_not_believed(published, commit, tmp_path):
    repository = published.models["org/tiny"]
    repository.branches["bad"] = commit
    assert [revision.name for revision in list_revisions("org/tiny", Progress())] == ["main"]
    with pytest.raises(InputError, match="has no commit"):
        model_folder(Revision("org/tiny", "bad", commit), Progress())
    del repository.branches["main"]
    with pytest.raises(InputError, match="has no branch"):
        list_revisions("org/tiny", Progress())


@pytest.mark.parametrize("status", [200, 404])
def test_a_commit_in_an_answer_that_is_none_writes_nothing(published, status, tmp_path):
    """The client itself makes a folder of that name for a file that does not exist, wherever it is."""
    outside = tmp_path / "outside"
    revision = resolve("org/tiny", "main", Progress())[0]
    published.headers = {"X-Repo-Commit": str(outside), "X-Error-Code": "EntryNotFound"}
    published.faults = [("HEAD /org/tiny/resolve", 404)] * 10 if status == 404 else []
    with pytest.raises(InputError, match="as a commit, which is no hash"):
        model_folder(revision, Progress())
    assert not outside.exists()


@pytest.mark.parametrize("file", ["../../evil.safetensors", "/tmp/evil.safetensors", "a/../../../tokenizer.json"])
def test_files_that_leave_their_folder_are_not_fetched(published, file, tmp_path):
    published.models["org/tiny"].commit(FILES | {file: b"evil"}, branch="main")
    assert complete(fetched())
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"evil"]
    assert not any("evil" in request for request in published.requests)


# A password in the address


@pytest.fixture
def locked(published, monkeypatch) -> LoopbackHub:
    published.login = ("someone", "s3cret/@")
    address = published.url.replace("http://", "http://someone:s3cret%2F%40@")
    monkeypatch.setattr(hub_client, "_logins", {})
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    return published


def test_a_password_in_the_address_is_used(locked):
    assert hub_module.answers()
    assert complete(fetched())


PROXIES = [
    f"{scheme}://someone:s3cret{rest}" for scheme, rest in [("http", "@h:port"), ("http", "/x@h"), ("ftp", "@h")]
]


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_that_cannot_be_used_is_one_sentence_without_its_password(published, monkeypatch, proxy):
    close_session()
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(InputError, match=r"network settings .* HTTPS_PROXY") as error:
        list_revisions("org/tiny", Notes())
    assert "s3cret" not in str(error.value) and error.value.__suppress_context__
    close_session()


def test_passwords_and_tokens_are_never_said(locked, caplog, capfd, monkeypatch):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HF_TOKEN", "hf_s3crets3cret")
    said = [hub_client.endpoint()]
    fetched(notes := Notes())
    cases = {"status": [401, 403, 404, 503], "gated": [True]}
    for name, values in cases.items():
        for value in values:
            setattr(locked if name == "status" else locked.models["org/tiny"], name, value)
            with pytest.raises((InputError, MeasurementError)) as error:
                list_revisions("org/other", notes) if name == "status" else model_folder(
                    Revision("org/tiny", "main", "1" * 40), notes
                )
            chain = error.value
            while chain is not None:
                said.append(str(chain))
                chain = chain.__cause__ or chain.__context__
            locked.status = None
    text = "\n".join([*said, *notes.notes, caplog.text, *capfd.readouterr()])
    assert "127.0.0.1" in text
    assert not re.search("s3cret", text)


def test_a_wrong_password_is_not_a_missing_model(locked):
    locked.login = ("someone", "other")
    with pytest.raises(InputError, match=r"does not permit you .*status 401"):
        list_revisions("org/tiny", Progress())
