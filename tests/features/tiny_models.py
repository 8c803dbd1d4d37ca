"""Small models with random weights, one of each kind, written as `save_pretrained` writes them."""

from __future__ import annotations

import functools
import shutil

import torch
from text_cases import GOLDEN

SIDE = 32  # pixels
PIXELS = {"image_size": SIDE, "patch_size": 8, "num_channels": 3}
STACK = {"num_hidden_layers": 2, "num_attention_heads": 2}


def made(config_class, model_class, **sizes):
    """A network of random weights, far enough from zero to tell layers apart."""
    import transformers

    torch.manual_seed(7)
    config = getattr(transformers, config_class)(**sizes)
    network = getattr(transformers, model_class)(config)
    with torch.no_grad():
        for weights in network.parameters():
            weights.add_(0.05 * torch.randn_like(weights))
    return network


def processor(class_name, **sizes):
    """An image processor on Pillow."""
    import transformers

    return getattr(transformers, class_name)(**sizes)


def save(folder, network, *parts, tokenizer=None):
    """Network and what feeds it, in a folder; the tokenizer is that of a golden case."""
    network.save_pretrained(folder)
    for part in parts:
        part.save_pretrained(folder)
    for path in (GOLDEN / tokenizer / "model").glob("tokenizer*.json") if tokenizer else ():
        shutil.copy(path, folder)
    return str(folder)


SQUARE = {"size": {"height": SIDE, "width": SIDE}}
CROPPED = {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}}


def vit(folder):
    network = made(
        "ViTConfig", "ViTForImageClassification", hidden_size=16, intermediate_size=32, **STACK,
        **PIXELS,
    )  # fmt: skip
    return save(folder, network, processor("ViTImageProcessorPil", **SQUARE))


def resnet(folder):
    sizes = {"embedding_size": 4, "hidden_sizes": [4, 8], "depths": [1, 1]}
    network = made("ResNetConfig", "ResNetModel", **sizes)
    return save(
        folder, network, processor("ConvNextImageProcessorPil", size={"shortest_edge": SIDE})
    )


def clip_tower(folder):
    sizes = {"hidden_size": 16, "intermediate_size": 32, "projection_dim": 8}
    network = made("CLIPVisionConfig", "CLIPVisionModel", **sizes, **STACK, **PIXELS)
    return save(folder, network, processor("CLIPImageProcessorPil", **CROPPED))


def ast(folder):
    import transformers

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_mel_bins": 32, "max_length": 208}
    network = made("ASTConfig", "ASTModel", **sizes, **STACK)
    return save(folder, network, transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=208))


def wav2vec2(folder):
    import transformers

    network = made(
        "Wav2Vec2Config", "Wav2Vec2ForCTC", hidden_size=16, intermediate_size=32, vocab_size=8,
        conv_dim=[8] * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, **STACK,
    )  # fmt: skip
    return save(folder, network, transformers.Wav2Vec2FeatureExtractor())


def whisper(folder):
    import transformers

    network = made(
        "WhisperConfig", "WhisperForConditionalGeneration", vocab_size=60, num_mel_bins=16, d_model=16,
        encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=32, decoder_layers=1,
        decoder_attention_heads=2, decoder_ffn_dim=32, max_source_positions=100,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    return save(
        folder, network, transformers.WhisperFeatureExtractor(feature_size=16, chunk_length=2)
    )


def git(folder):
    tower = {"hidden_size": 12, "intermediate_size": 24, "model_type": "git_vision_model"}
    network = made(
        "GitConfig", "GitForCausalLM", vocab_size=300, hidden_size=16, intermediate_size=32,
        max_position_embeddings=64, vision_config={**tower, **STACK, **PIXELS}, **STACK,
    )  # fmt: skip
    images = processor("CLIPImageProcessorPil", **CROPPED)
    return save(folder, network, images, tokenizer="vision_language_git")


def bridgetower(folder):
    towers = {"hidden_size": 16, "num_hidden_layers": 2}
    text = {**towers, "vocab_size": 300, "num_attention_heads": 2, "intermediate_size": 32}
    network = made(
        "BridgeTowerConfig", "BridgeTowerModel", hidden_size=16, intermediate_size=32, **STACK,
        text_config={**text, "max_position_embeddings": 160},
        vision_config={"hidden_size": 64, "num_hidden_layers": 3, "image_size": SIDE, "patch_size": 8},
    )  # fmt: skip
    images = processor(
        "BridgeTowerImageProcessorPil", size={"shortest_edge": SIDE}, size_divisor=8,
        crop_size={"shortest_edge": SIDE},
    )  # fmt: skip
    return save(folder, network, images, tokenizer="vision_language_bridgetower")


def llava(folder):
    tower = {"hidden_size": 12, "intermediate_size": 24, "projection_dim": 8}
    text = {"hidden_size": 16, "intermediate_size": 32, "vocab_size": 302, "num_key_value_heads": 2}
    network = made(
        "LlavaConfig", "LlavaForConditionalGeneration", image_token_index=301,
        text_config={**text, "model_type": "llama", "max_position_embeddings": 128, **STACK},
        vision_config={**tower, "model_type": "clip_vision_model", **STACK, **PIXELS},
    )  # fmt: skip
    images = processor("CLIPImageProcessorPil", **CROPPED)
    return save(folder, network, images, tokenizer="vision_language_llava")


TINY = {
    "vision": {"vit": vit, "resnet": resnet, "clip": clip_tower, "llava": llava},
    "audio": {"ast": ast, "wav2vec2": wav2vec2, "whisper": whisper},
    "vision_language": {"git": git, "bridgetower": bridgetower, "llava": llava},
}
"""By modality and kind: f(folder) -> folder."""


@functools.cache
def tiny(modality, kind, root):
    """The model of a kind, made once under `root`, and loaded."""
    from media_cases import load

    folder = root / f"{modality}-{kind}"
    if not folder.exists():
        TINY[modality][kind](folder)
    return load(modality, str(folder))
