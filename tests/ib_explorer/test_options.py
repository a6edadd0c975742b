from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from estimator.errors import InputError
from estimator.request import MeasurementRequest
from estimator.soft_entropy.temperature import parse_temperature
from estimator.states.layers import check_layers
from estimator.values import VALUES
from ib_explorer.config import Setting, read_settings, request_from
from ib_explorer.options import OPTIONS, demo_request, option

NOWHERE = Path("/no/such/config.toml")


def settings(given=None, environment=None, config=NOWHERE):
    return read_settings(given or {}, environment or {}, config)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.toml"

    def write(text):
        path.write_text(text)
        return path

    return write


def test_every_field_of_a_request_has_its_option_or_is_an_argument():
    named = {option.field for option in OPTIONS} - {None}
    assert named | {"model", "revision"} == {field.name for field in fields(MeasurementRequest)}


def test_names_and_variables_are_unique():
    assert len({option.name for option in OPTIONS}) == len({option.variable for option in OPTIONS}) == len(OPTIONS)


def test_nothing_set_is_the_default_request():
    assert request_from(settings(), "demo", None) == MeasurementRequest(model="demo")


@pytest.mark.parametrize("choice", OPTIONS, ids=lambda option: option.name)
def test_a_written_default_reads_back(choice):
    if choice.default is not None:
        assert choice.read(choice.write(choice.default)) == choice.default


LITERALS = {
    "corpus": ("docstrings",),
    "layers": ("all", "mean", "0,3,5-8"),
    "temperature": ("exact", "leading-order", "0.01", "x0.5"),
    "device": ("auto", "cpu", "cuda", "cuda:1", "mps"),
}
"""What the help texts show of options that take free text; of the others it is their choices."""
CHECKS = {
    "layers": check_layers,
    "temperature": parse_temperature,
    "device": lambda text: text == "auto" or torch.device(text),
}


@pytest.mark.parametrize("choice", OPTIONS, ids=lambda option: option.name)
def test_each_literal_and_default_that_is_shown_is_accepted_as_it_is_typed(choice):
    literals = {*LITERALS.get(choice.name, ()), *choice.choices}
    words = re.findall(r"[\w.,:-]*\w", choice.help)
    assert set(LITERALS.get(choice.name, ())) <= {*words}
    assert not {word for word in words if word.lower() in literals and word not in literals}
    for text in [*literals, choice.write(choice.default)]:
        if text:
            value = choice.read(text)
            CHECKS.get(choice.name, str)(text)
            if choice.field is not None:
                replace(MeasurementRequest("demo"), **{choice.field: value})


@pytest.mark.parametrize("choice", OPTIONS, ids=lambda option: option.name)
def test_a_help_text_is_a_sentence_that_starts_with_a_word(choice):
    assert choice.help[0].isupper() and choice.help.endswith(".")
    assert choice.help.split()[0].lower().strip(":,") not in {*choice.choices, *LITERALS.get(choice.name, ())}


def test_a_default_of_a_command_is_overruled_wherever_the_option_is_set(config):
    own = replace(option("granularity"), own_default=("token",))
    options = [own if one.name == own.name else one for one in OPTIONS]
    variable = {own.variable: "bigram"}
    assert read_settings({}, {}, NOWHERE, options)[own.name] == Setting(("token",), "default")
    assert read_settings({}, variable, NOWHERE, options)[own.name] == Setting(("bigram",), "environment")
    assert read_settings({}, {}, config("granularity = 'trigram'"), options)[own.name].value == ("trigram",)
    assert read_settings({own.name: "quadgram"}, variable, NOWHERE, options)[own.name].value == ("quadgram",)


def test_a_wrong_variable_is_named_with_what_is_wrong():
    with pytest.raises(InputError, match="variable IB_EXPLORER_ANCHORS: anchors takes whole numbers"):
        settings({}, {"IB_EXPLORER_ANCHORS": "many"})


def test_the_command_line_beats_the_environment_beats_the_file_beats_the_default(config):
    path = config("documents = 10\nmax-length = 20\nanchors = 30")
    environment = {"IB_EXPLORER_MAX_LENGTH": "21", "IB_EXPLORER_ANCHORS": "31"}
    found = settings({"anchors": "32", "corpus": None}, environment, path)
    assert found["anchors"] == Setting(32, "command line")
    assert found["max-length"] == Setting(21, "environment")
    assert found["documents"] == Setting(10, str(path))
    assert found["corpus"] == Setting(None, "default")


def test_an_empty_variable_sets_nothing():
    assert settings(environment={"IB_EXPLORER_ANCHORS": ""})["anchors"].source == "default"


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("temperature = 0.01", "temperature", ("0.01",)),
        ("temperature = ['exact', 0.5, 'x2']", "temperature", ("exact", "0.5", "x2")),
        ("anchor-seeds = [3, 1]", "anchor-seeds", (3, 1)),
        ("anchor-seeds = 7", "anchor-seeds", (7,)),
        ("granularity = 'token, bigram'", "granularity", ("token", "bigram")),
        ("variant = ['raw', 'centred']", "variant", ("raw", "centred")),
        ("loss = true", "loss", True),
        ("loss = 'no'", "loss", False),
    ],
)
def test_a_file_may_use_numbers_and_lists(config, text, name, value):
    assert settings(config=config(text))[name].value == value


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("colour = 'red'", "unknown key 'colour'"),
        ("[measure]\nanchors = 3", "unknown key 'measure'"),
        ("anchors = ", "not TOML"),
        ("anchors = 'many'", "whole numbers"),
        ("anchors = true", "anchors cannot be True"),
        ("anchors = 1.5", "whole numbers"),
        ("granularity = 'word'", "choose from token"),
        ("preset = 'best'", "choose from adjusted"),
        ("corpus = ['a', 'b']", "corpus cannot be"),
        ("loss = 3", "yes or no"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(config, text, part):
    path = config(text)
    with pytest.raises(InputError) as caught:
        settings(config=path)
    assert caught.value.kind == "config"
    assert part in str(caught.value) and str(path) in str(caught.value)


def test_a_file_that_is_a_folder_or_not_text_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        settings(config=tmp_path)
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not TOML"):
        settings(config=tmp_path / "c.toml")


@pytest.mark.parametrize(
    ("name", "text"),
    [("anchors", "ten"), ("anchor-seeds", "1,,2"), ("weights", "heavy"), ("granularity", ""), ("variant", "bleached")],
)
def test_a_wrong_value_on_the_command_line_is_an_input_error_of_its_option(name, text):
    with pytest.raises(InputError) as caught:
        settings({name: text})
    assert caught.value.kind == name


def test_the_paper_preset_sets_temperature_and_weights():
    found = settings({"preset": "paper"})
    assert found["temperature"] == Setting(("leading-order",), "preset paper")
    assert found["weights"].value == ("frequency",)


def test_what_is_set_as_plainly_as_a_preset_beats_it_and_what_is_set_less_does_not(config):
    found = settings({"preset": "paper", "weights": "uniform"}, {}, config("temperature = 0.01"))
    assert found["weights"] == Setting(("uniform",), "command line")
    assert found["temperature"].value == ("leading-order",)


def test_presets_set_options_that_exist():
    for preset in VALUES.values():
        for name, value in preset.options.items():
            assert option(name).read(option(name).write(value)) == value


def test_the_demo_needs_no_network():
    request = demo_request("cpu")
    assert (request.model, request.revision, request.corpus, request.device) == ("demo", "all", "docstrings", "cpu")
