"""Write docs/models.md, the families of models that can be measured, from the tables of their test: ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

REASONS = {
    "is an encoder, whose tokens see later ones": "their tokens see later ones, so there are no next-token states",
    "has several residual streams": "several residual streams: a token has no single hidden state between blocks",
    "does not pass its hidden states once through each": "blocks run more than once, or on more than the text's tokens",
    "is not a decoder-only language model": "the language model of a multimodal one; it cannot be loaded by itself",
    "lacks num_hidden_layers": "reads bytes in patches, so that states do not belong to tokens",
    "do not return its hidden states": "has no modules whose outputs are its hidden states",
}


def page() -> str:
    """The whole page, in Markdown."""
    import transformers

    from tests.families import ENCODERS, NOT_BUILT, REFUSED, families

    special = {*ENCODERS, *NOT_BUILT, *REFUSED}
    works = [family for family in families() if family not in special]
    lines = [
        "# Models",
        "",
        f"The {len(families())} families of causal language models in transformers {transformers.__version__}, by the",
        "`model_type` of their `config.json`. Written by `make docs` from `tests/families.py`.",
        "",
        "`tests/estimator/states/test_families.py` makes a tiny random model of each family. It compares the states",
        "that are measured in padded batches with those that the model reports for each document alone, to 1e-5.",
        "",
        f"## Supported: {len(works)}",
        "",
        _names(works),
        "",
        f"## Supported with `is_decoder`: {len(ENCODERS)}",
        "",
        "Encoders are refused, because their tokens see later ones. They are decoders if their `config.json` has",
        '`"is_decoder": true`.',
        "",
        _names(ENCODERS),
        "",
        f"## Refused: {len(REFUSED)}",
        "",
        "| family | reason |",
        "|---|---|",
    ]
    for part in dict.fromkeys(REFUSED.values()):
        lines.append(f"| {_names(family for family in sorted(REFUSED) if REFUSED[family] == part)} | {REASONS[part]} |")
    lines += ["", f"## Not tested: {len(NOT_BUILT)}", "", "| family | why no tiny model can be made |", "|---|---|"]
    for part in dict.fromkeys(NOT_BUILT.values()):
        lines.append(f"| {_names(family for family in sorted(NOT_BUILT) if NOT_BUILT[family] == part)} | {part} |")
    lines += ["", *LIMITS, ""]
    return "\n".join(lines)


LIMITS = (
    "## Limits of all families",
    "",
    "- Weight files are refused if they are quantised (`quantization_config`), hold an adapter that is not merged, or",
    "  tensors of decoder blocks that the configuration has no place for. Other unused tensors, such as those of a",
    "  vision tower, are reported.",
    "- Texts longer than a table of learned positions, and token ids beyond the embedding, are refused.",
    "- If rotary positions depend on the length of the text (LongRoPE, dynamic NTK), documents longer than the",
    "  original length are batched only with documents of the same length.",
    "- If the final state is narrower than those of the blocks (OPT-350m), the last layer is the output of the last",
    "  block.",
    "- Sparse attention that takes any of tied scores (`axk2`) may differ in the last digits between batch sizes.",
    "- State-space and recurrent models have the same sites: the embedding, each block, and after the final norm.",
)


def _names(names: object) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))  # type: ignore[call-overload]


if __name__ == "__main__":
    (ROOT / "docs" / "models.md").write_text(page(), encoding="utf-8")
