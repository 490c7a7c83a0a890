"""Audio-visual speech recognition: sound and lips in, words out.

The sound goes the way of wav2vec 2.0 (Baevski et al., 2020): strided convolutions over the
waveform, a convolution for the place in time, a transformer, and a linear layer for CTC (Graves et
al., 2006). The first of the strided convolutions is not learnt: it is a bank of mel filters, 25 ms
wide, every 10 ms. The lips of a moment are added to its sound as far as a gate that looks at both
trusts them; then in each block the sound attends to the lips, nearest moments first. Attending to
nothing is always possible, and all there is without a face.

B items, N samples, T moments of 40 ms, C channels, V words.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium_models.speech.waveform import SAMPLE_RATE

WINDOW, HOP = 400, 160
"""25 ms and 10 ms."""
STRIDE = 640
"""Samples a moment: 40 ms, one picture of a camera at 25 a second."""
RATE = SAMPLE_RATE / STRIDE
"""25 moments a second."""
SPAN = 5
"""Pictures that the first layer looks at together."""
THROATS = (0.86, 0.9, 0.94, 0.97, 1.0, 1.0, 1.03, 1.06, 1.1)
"""How much longer or shorter a throat training hears a voice with (Jaitly and Hinton, 2013)."""


@dataclass(frozen=True)
class Sizes:
    """How large it is."""

    words: int
    phones: int
    width: int = 128
    blocks: int = 3
    heads: int = 4
    bands: int = 64
    dropout: float = 0.1

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def moments(samples: int) -> int:
    """How many moments sound of so many samples has; at least one."""
    return max(1, -(-samples // STRIDE))


class MelBank(nn.Module):
    """Strided and fixed: waveform (B, N) to logarithmic power of mel bands (B, bands, 4T)."""

    bank: Tensor
    others: Tensor
    window: Tensor

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.register_buffer("bank", _mel(bands))
        others = torch.stack([_mel(bands, warp) for warp in THROATS])
        self.register_buffer("others", others, persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW))

    def forward(self, wave: Tensor) -> Tensor:
        """N is a multiple of STRIDE."""
        with torch.autocast(wave.device.type, enabled=False):
            side = (WINDOW - HOP) // 2
            padded = functional.pad(wave.float(), (side, side))
            spectrum = torch.stft(padded, WINDOW, HOP, window=self.window, center=False,
                                  return_complex=True)  # fmt: skip
            power = spectrum.real.square() + spectrum.imag.square()  # (B, F, 4T)
            bank = self.bank
            if self.training:
                bank = self.others[torch.randint(len(self.others), (len(wave),))]
            return (bank @ power + 1e-6).log()


def _mel(bands: int, warp: float = 1.0) -> Tensor:
    """(bands, F) triangles, equally wide on the mel scale from 60 Hz to 7.6 kHz, times ``warp``."""
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (60.0, 7600.0))
    edges = 700 * (10 ** (torch.linspace(low, high, bands + 2) / 2595) - 1) * warp
    bins = torch.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    bank = torch.minimum(rising, falling).clamp_min(0)
    return bank / bank.sum(1, keepdim=True).clamp_min(1e-6)


class Hearing(nn.Module):
    """Waveform (B, N) to codes (B, T, C)."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.width
        self.bank = MelBank(sizes.bands)
        self.first = nn.Conv1d(sizes.bands, width, 5, stride=2, padding=2)
        self.middle = nn.GroupNorm(1, width)
        self.second = nn.Conv1d(width, width, 5, stride=2, padding=2)
        self.last = nn.LayerNorm(width)

    def forward(self, wave: Tensor, length: Tensor) -> Tensor:
        """``length`` (B,): samples that are there; what follows them is padding."""
        mel = self.bank(wave)  # (B, bands, 4T)
        there = (torch.arange(mel.shape[2], device=wave.device) * HOP < length[:, None])[:, None]
        last = 2 * ((length + STRIDE - 1) // STRIDE).clamp_min(1)
        inside = (torch.arange(mel.shape[2] // 2, device=wave.device) < last[:, None])[:, None]
        count = there.sum(2, keepdim=True).clamp_min(1)
        mean = (mel * there).sum(2, keepdim=True) / count
        mel = (mel - mean) * there
        spread = (mel.square().sum((1, 2), keepdim=True) / (count * mel.shape[1])).sqrt()
        mel = mel / (spread + 1e-3)
        if self.training:
            mel = mel * _bands_left(mel)
        hidden = functional.gelu(_normed(self.first(mel), inside, self.middle)) * inside
        return torch.as_tensor(self.last(functional.gelu(self.second(hidden)).transpose(1, 2)))


def _normed(hidden: Tensor, inside: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Normalise (B, C, 2T) over what is ``inside`` (B, 1, 2T): company in a batch has no say."""
    hidden = hidden.float()
    count = inside.sum(2, keepdim=True) * hidden.shape[1]
    apart = (hidden - (hidden * inside).sum((1, 2), keepdim=True) / count) * inside
    spread = (apart.square().sum((1, 2), keepdim=True) / count + norm.eps).sqrt()
    return torch.as_tensor(apart / spread * norm.weight[:, None] + norm.bias[:, None])


def _bands_left(mel: Tensor) -> Tensor:
    """SpecAugment (Park et al., 2019): a stretch of the bands and one of time are not heard."""
    kept = torch.ones_like(mel)
    for axis, most in ((1, mel.shape[1] // 5), (2, 24)):
        count = mel.shape[axis]
        wide = torch.randint(0, most, (len(mel), 1))
        first = (torch.rand(len(mel), 1) * (count - wide)).long()
        at = torch.arange(count)
        hidden = (at >= first) & (at < first + wide)
        kept = kept * (~(hidden[:, :, None] if axis == 1 else hidden[:, None, :])).to(mel)
    return kept


class Seeing(nn.Module):
    """Lips (B, T, 24, 24) from 0 to 1 to codes (B, T, C): patches of five pictures, then wider."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.stem = nn.Conv2d(SPAN, 32, 6, stride=4, padding=1)
        self.second = nn.Conv2d(32, 96, 3, stride=2, padding=1)
        self.flat = nn.Linear(96 * 9, sizes.width)
        self.along = nn.ModuleList(
            nn.Conv1d(sizes.width, sizes.width, 5, padding=2) for _ in range(2)
        )
        self.last = nn.LayerNorm(sizes.width)

    def forward(self, lips: Tensor, seen: Tensor, inside: Tensor) -> Tensor:
        """(B, T) each: ``seen``, the moments with a picture; ``inside``, those not padded."""
        count, length = lips.shape[:2]
        there = seen[:, :, None, None].to(lips.dtype)
        total = (there.sum((1, 2, 3)) * lips[0, 0].numel()).clamp_min(1)[:, None, None, None]
        lips = (lips - (lips * there).sum((1, 2, 3), keepdim=True) / total) * there
        spread = (lips.square().sum((1, 2, 3), keepdim=True) / total).sqrt()
        lips = lips / (spread + 0.02)
        around = functional.pad(lips, (0, 0, 0, 0, SPAN // 2, SPAN // 2)).unfold(1, SPAN, 1)
        around = around.permute(0, 1, 4, 2, 3).flatten(0, 1)  # (BT, 5, 24, 24)
        hidden = functional.relu(self.stem(around))  # (BT, 32, 6, 6)
        hidden = functional.relu(self.second(hidden)).flatten(1)  # (BT, 96 * 9)
        codes = functional.gelu(self.flat(hidden)).view(count, length, -1) * inside[:, :, None]
        for along in self.along:
            near = functional.gelu(along(codes.transpose(1, 2))).transpose(1, 2)
            codes = (codes + near) * inside[:, :, None]
        return torch.as_tensor(self.last(codes))


class Attention(nn.Module):
    """Multi-head attention that prefers what is near in time.

    A head's preference falls with the distance from its own offset, both learnt (after Press et
    al., 2022). With ``nothing``, attending to nothing is possible, at any distance.
    """

    def __init__(self, sizes: Sizes, *, nothing: bool = False) -> None:
        super().__init__()
        width, self.heads = sizes.width, sizes.heads
        self.query, self.pair = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        slopes = torch.tensor([4.0 * 4.0**-head for head in range(sizes.heads)])
        self.slope = nn.Parameter(slopes.log())
        self.offset = nn.Parameter(torch.zeros(sizes.heads))
        self.nothing = nn.Parameter(torch.randn(width) * 0.02) if nothing else None

    def forward(self, at: Tensor, to: Tensor, there: Tensor) -> Tensor:
        """``at`` (B, T, C) attends to ``to`` (B, T, C) where ``there`` (B, T)."""
        batch, length, width = at.shape
        gap = torch.arange(length, device=at.device, dtype=torch.float32)
        apart = (gap[None, :] - gap[:, None])[None] - self.offset[:, None, None]
        bias = -0.1 * self.slope.exp()[:, None, None] * apart.abs()  # (H, T, T)
        bias = bias.masked_fill(~there[:, None, None, :], -1e4)  # (B, H, T, T)
        if self.nothing is not None:
            to = torch.cat([self.nothing.expand(batch, 1, width).to(to.dtype), to], 1)
            bias = functional.pad(bias, (1, 0))
        key, value = self.pair(to).chunk(2, -1)
        query, key, value = (self._split(x) for x in (self.query(at), key, value))
        weights = query @ key.transpose(-1, -2) / math.sqrt(width // self.heads) + bias
        mixed = (
            (weights.float().softmax(-1).to(value.dtype) @ value)
            .transpose(1, 2)
            .reshape(batch, length, width)
        )
        return torch.as_tensor(self.out(mixed))

    def _split(self, codes: Tensor) -> Tensor:
        return codes.view(len(codes), codes.shape[1], self.heads, -1).transpose(1, 2)


class Block(nn.Module):
    """What is heard attends to itself, then to the lips, then thinks."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.width
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.itself = Attention(sizes)
        self.lips = Attention(sizes, nothing=True)
        self.think = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width),
        )  # fmt: skip
        self.drop = nn.Dropout1d(sizes.dropout)  # whole channels: as good here, and far cheaper

    def forward(self, codes: Tensor, lips: Tensor, there: Tensor, seen: Tensor) -> Tensor:
        """``there`` and ``seen`` (B, T): moments that are no padding, and those with lips."""
        normed = self.norms[0](codes)
        codes = codes + self._dropped(self.itself(normed, normed, there))
        codes = codes + self._dropped(self.lips(self.norms[1](codes), lips, seen))
        return torch.as_tensor(codes + self._dropped(self.think(self.norms[2](codes))))

    def _dropped(self, codes: Tensor) -> Tensor:
        return torch.as_tensor(self.drop(codes.transpose(1, 2)).transpose(1, 2))


class AudioVisualSpeech(nn.Module):
    """The recogniser. Either modality of any row may be missing."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.hearing, self.seeing = Hearing(sizes), Seeing(sizes)
        self.unheard = nn.Parameter(torch.randn(sizes.width) * 0.02)
        self.trust = nn.Linear(2 * sizes.width, sizes.width)
        self.look = nn.Linear(sizes.width, sizes.width)
        self.place = nn.Conv1d(sizes.width, sizes.width, 15, padding=7, groups=16)
        self.blocks = nn.ModuleList(Block(sizes) for _ in range(sizes.blocks))
        self.last = nn.LayerNorm(sizes.width)
        self.words = nn.Linear(sizes.width, sizes.words + 1)  # 0 is CTC's blank
        self.phones = nn.Linear(sizes.width, sizes.phones)

    def forward(
        self, wave: Tensor, length: Tensor, heard: Tensor, lips: Tensor, seen: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits of words (B, T, V + 1) and phones (B, T, P) for each moment.

        ``wave`` (B, 640 T) with ``length`` (B,) samples, ``heard`` (B,) bool; ``lips``
        (B, T, 24, 24) from 0 to 1, ``seen`` (B, T) bool. What is not heard or seen reaches nothing.
        """
        moment = torch.arange(lips.shape[1], device=wave.device)
        there = moment < ((length + STRIDE - 1) // STRIDE).clamp_min(1)[:, None]
        codes = self.hearing(wave, length)
        codes = torch.where(heard[:, None, None], codes, self.unheard.to(codes.dtype))
        looks = self.seeing(lips, seen & there, there)
        trust = self.trust(torch.cat([codes, looks.to(codes.dtype)], -1)).sigmoid()
        codes = codes + trust * self.look(looks) * (seen & there)[:, :, None]
        codes = codes * there[:, :, None]
        codes = codes + functional.gelu(self.place(codes.transpose(1, 2))).transpose(1, 2)
        for block in self.blocks:
            codes = block(codes, looks, there, seen & there)
        codes = self.last(codes)
        return self.words(codes).float(), self.phones(codes).float()
