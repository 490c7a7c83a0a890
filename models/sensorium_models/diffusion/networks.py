"""The parts of the bundled pipeline: ``diffusers`` and ``transformers`` classes with small numbers.

A published Stable Diffusion 1.5 is made of the same classes with larger numbers.
"""

from __future__ import annotations

from typing import Any

from sensorium_models.clip.words import END, PAD, START, vocabulary, world_tokenizer

TOKENS = 28
"""Of a prompt, its start and end among them: four things told by size, colour and shape."""
TEXT_WIDTH = 128
WIDTHS = (48, 96)
LATENT_SIDE = 8
STEPS = 1000
"""Of the diffusion's schedule."""


def small_tokenizer() -> Any:
    """A token a word, as the bundled CLIP's, every prompt padded to :data:`TOKENS`."""
    made = world_tokenizer()
    made.model_max_length = TOKENS
    return made


def small_text_encoder(width: int = TEXT_WIDTH, layers: int = 3) -> Any:
    """A new ``CLIPTextModel``."""
    from transformers import CLIPTextConfig, CLIPTextModel

    words = vocabulary()
    config = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        max_position_embeddings=TOKENS,
        projection_dim=width,
        hidden_act="gelu",
        pad_token_id=words.index(PAD),
        bos_token_id=words.index(START),
        eos_token_id=words.index(END),
    )
    return CLIPTextModel(config)


def small_unet(
    channels: int, widths: tuple[int, ...] = WIDTHS, text_width: int = TEXT_WIDTH, layers: int = 1
) -> Any:
    """A new ``UNet2DConditionModel`` over latents of ``channels``.

    Every level attends to the words. The whole prompt, pooled, also reaches every block beside the
    time (``addition_embed_type="text"``), which finds colours and shapes sooner.
    """
    import diffusers

    made: Any = diffusers.UNet2DConditionModel

    levels = len(widths)
    return made(
        sample_size=LATENT_SIDE,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=widths,
        layers_per_block=layers,
        down_block_types=("CrossAttnDownBlock2D",) * levels,
        up_block_types=("CrossAttnUpBlock2D",) * levels,
        cross_attention_dim=text_width,
        attention_head_dim=4,  # the number of heads, whatever its name says
        norm_num_groups=16,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )


def noise_schedule() -> Any:
    """The schedule it is learnt on: cosine (Nichol and Dhariwal, 2021), predicting v (Salimans and
    Ho, "Progressive Distillation", 2022)."""
    import diffusers

    made: Any = diffusers.DDPMScheduler

    return made(
        num_train_timesteps=STEPS,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
        timestep_spacing="trailing",
        steps_offset=1,
    )
