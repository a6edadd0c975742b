"""Tiny random models of every family that transformers has as causal language models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

VOCABULARY = 96
DEPTH = 3

_WIDTH, _HEADS, _HEAD = 32, 4, 8
_SMALL: dict[str, Any] = {
    **dict.fromkeys(("vocab_size", "vocab_size_per_layer_input", "decoder_vocab_size"), VOCABULARY),
    "pad_token_id": 0,
    "encoder_hash_byte_group_vocab": VOCABULARY,
    **dict.fromkeys(("bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id", "decoder_start_token_id"), 1),
    **dict.fromkeys(
        ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers"), DEPTH
    ),
    **dict.fromkeys(("num_encoder_layers", "num_decoder_layers", "num_blocks"), DEPTH),
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "emb_dim", "embedding_size", "word_embed_proj_dim"), _WIDTH),
    **dict.fromkeys(("attention_hidden_size", "lru_width", "ple_embed_dim", "dim"), _WIDTH),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads"), _HEADS),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads", "num_encoder_attention_heads"), _HEADS),
    **dict.fromkeys(("num_decoder_attention_heads", "swa_num_attention_heads", "index_n_heads"), _HEADS),
    **dict.fromkeys(("linear_num_value_heads", "linear_num_heads", "swa_num_attention_heads"), _HEADS),
    **dict.fromkeys(("num_key_value_heads", "swa_num_key_value_heads", "linear_num_key_heads", "num_kv_heads"), 2),
    **dict.fromkeys(("head_dim", "swa_head_dim", "v_head_dim", "qk_nope_head_dim", "linear_head_dim", "d_head"), _HEAD),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim", "kv_channels", "global_head_dim"), _HEAD),
    **dict.fromkeys(("dim_head", "index_head_dim", "attention_head_size"), _HEAD),
    **dict.fromkeys(("qk_rope_head_dim", "rotary_dim"), 4),
    **dict.fromkeys(("intermediate_size", "encoder_ffn_dim", "decoder_ffn_dim", "ffn_dim", "ffn_hidden_size"), 48),
    **dict.fromkeys(("intermediate_size_mlp", "dense_intermediate_size", "d_inner", "dff", "dim_ff"), 48),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size", "expert_ffn_hidden_size"), 24),
    **dict.fromkeys(("shared_experts_intermediate_size", "shared_intermediate_size", "feed_forward_size"), 24),
    **dict.fromkeys(("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "zero_expert_num"), 2),
    **dict.fromkeys(("n_group", "topk_group", "num_expert_group", "n_groups"), 1),
    **dict.fromkeys(
        ("kv_lora_rank", "q_lora_rank", "o_lora_rank", "laurel_rank", "gated_norm_rank", "adapter_rank"), 8
    ),
    **dict.fromkeys(("mamba_d_state", "state_size", "ssm_state_size", "mamba_d_head", "mamba_head_dim"), _HEAD),
    **dict.fromkeys(("chunk_size", "mamba_chunk_size", "block_size"), 8),
    **dict.fromkeys(("mamba_n_heads", "mamba_num_heads"), 8),
    **dict.fromkeys(("time_step_rank", "mamba_dt_rank"), 4),
    **dict.fromkeys(("sliding_window", "sliding_window_size", "window_size", "attention_window_size"), 6),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "context_length"), 64),
    "hidden_size_per_layer_input": 8,
    "image_size": 16,
    "patch_size": 8,
    "position_embedding_size": 16,
    "shape_vocab_size": 24,
    "pronunciation_vocab_size": 24,
    "shape_embed_dim": 8,
    "pronunciation_embed_dim": 8,
    "index_topk": 4,
    "max_window_layers": 1,
    "query_pre_attn_scalar": _HEAD,
    "num_buckets": 8,
}
_LATENT = {"num_key_value_heads": _HEADS}  # latent attention has no groups of heads
_HEADED = {"head_dim": _HEAD}
_ATTENTIONS = ("sliding_attention", "full_attention")
_EXACT: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        ("axk1", "axk2", "deepseek_v2", "deepseek_v3", "deepseek_v32", "glm4_moe_lite", "minicpm3"), _LATENT
    ),
    **dict.fromkeys(("glm_moe_dsa", "youtu"), _LATENT),
    **dict.fromkeys(("hunyuan_v1_dense", "hunyuan_v1_moe", "ministral"), _HEADED),
    "bamba": {"attn_layer_indices": [1]},
    "dbrx": {
        "attn_config": {"rope_theta": 1e4, "kv_n_heads": 2, "clip_qkv": 8},
        "ffn_config": {"ffn_hidden_size": 24, "hidden_size": _WIDTH},
    },
    "axk1": _LATENT | {"qk_rope_head_dim": 8},
    "axk2": _LATENT | {"index_topk": 64},  # of tied scores it takes any
    "deepseek_v2": _LATENT | {"num_experts_per_tok": 2},
    "deepseek_v3": _LATENT | {"head_dim": 4},
    "youtu": _LATENT | {"head_dim": 4},
    "longcat_flash": _LATENT | {"head_dim": 4},
    "nemotron": {"head_dim": _HEAD, "num_key_value_heads": 2},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "dots3_note_text": _LATENT | {"head_dim": 12, "layer_types": ["indexed_attention"] * 3},
    "lfm2_moe": {"layer_types": ["conv", "full_attention", "conv"]},
    "cohere_compass_text": {
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        "rope_parameters": {name: {"rope_type": "default", "rope_theta": 1e4} for name in _ATTENTIONS},
    },
    "falcon_h1": {"mamba_d_ssm": 64},
    "gpt_neo": {"attention_types": [[["global", "local", "global"], 1]]},
    "gemma3n_text": {
        "num_kv_shared_layers": 0,
        "layer_types": ["sliding_attention", "full_attention", "full_attention"],
    },
    "mamba2": {"num_heads": 8},
    "reformer": {
        "is_decoder": True,
        "attn_layers": ["local", "lsh", "local"],
        "axial_pos_shape": [8, 8],
        "axial_pos_embds_dim": [16, 16],
    },
    "zamba2": {
        "layers_block_type": ["linear_attention", "hybrid", "hybrid"],
        "mamba_headdim": 8,
        "attention_head_dim": 16,
        "attention_hidden_size": 64,
    },
    "zamba": {
        "layers_block_type": ["linear_attention", "hybrid", "hybrid"],
        "attention_head_dim": 16,
        "attention_hidden_size": 64,
    },
    "xmod": {"default_language": "en_XX"},
    "nemotron_h": {"layers_block_type": ["linear_attention", "moe", "full_attention"]},
    "zaya": {"num_experts_per_tok": 1},
}
"""Configurations of families that the table of small sizes does not suit."""


def tiny_config(family: str, **settings: Any) -> Any:
    """The configuration of a model with 3 blocks of a few thousand parameters."""
    from transformers import CONFIG_MAPPING

    kind = CONFIG_MAPPING[family]
    return kind(**{"pad_token_id": 0, **_shrunk(kind), **_EXACT.get(family, {}), **settings})


def _shrunk(kind: Any) -> dict[str, Any]:
    from transformers import CONFIG_MAPPING

    try:
        usual = kind().to_dict()
    except ValueError:
        usual = {}
    small = {name: value for name, value in _SMALL.items() if isinstance(usual.get(name), int)}
    for name, part in usual.items():
        if isinstance(part, dict) and part.get("model_type"):
            inner = (
                CONFIG_MAPPING[part["model_type"]] if part["model_type"] in CONFIG_MAPPING else kind.sub_configs[name]
            )
            small[name] = {**_shrunk(inner), **_EXACT.get(part["model_type"], {}), "model_type": part["model_type"]}
    return small


def save_tiny(family: str, folder: Path, **settings: Any) -> None:
    """Save a random model of a family, with a fixed seed."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = AutoModelForCausalLM.from_config(tiny_config(family, **settings)).eval()
        for parameter in model.parameters():
            if parameter.dim() > 1:  # weights as usual in training, so that blocks matter
                parameter.data.normal_(0, 0.1)
    model.save_pretrained(folder)


ENCODERS = (
    *("bert", "bert-generation", "big_bird", "camembert", "data2vec-text", "electra", "ernie", "megatron-bert"),
    *("rembert", "roberta", "roberta-prelayernorm", "roc_bert", "roformer", "xlm-roberta", "xlm-roberta-xl", "xmod"),
    "reformer",
)
"""Families that are encoders unless their configuration says ``is_decoder``."""
_ENCODER = "is an encoder, whose tokens see later ones"
_STREAMS = "has several residual streams"
_REPEATED = "does not pass its hidden states once through each"
REFUSED = {
    **dict.fromkeys(("cpmant", "xlnet"), _ENCODER),
    **dict.fromkeys(("deepseek_v4", "gemma3n_text", "hy_v4", "qwen4_exp", "qwen4_exp_text", "prophetnet"), _STREAMS),
    **dict.fromkeys(("git", "hrm_text"), _REPEATED),
    **dict.fromkeys(("emu3", "mllama"), "is not a decoder-only language model"),
    "blt": "lacks num_hidden_layers",
    "xlm": "do not return its hidden states",
}
"""Families that are refused, and a part of the sentence that says why."""
_DRAFTS = "drafts tokens from the states of another model"
NOT_BUILT = {
    **dict.fromkeys(("gemma4_assistant", "gemma4_unified_assistant"), _DRAFTS),
    **dict.fromkeys(("musicgen", "musicgen_melody"), "transformers cannot make it from its own configuration"),
    "gemma3n": "needs timm and pillow",
    "dots3_note": "its vision and sound parts have no small size; `dots3_note_text` is its language model",
}
"""Families of which no tiny model can be made for the test, and why."""


def families() -> list[str]:
    """The model types that transformers has a causal language model for."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
