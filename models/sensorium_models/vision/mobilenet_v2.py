"""MobileNetV2 (Sandler et al. 2018, "Inverted Residuals and Linear Bottlenecks") in plain torch.

Parameter names are those of torchvision's ``mobilenet_v2``, so its published weights load as
they are.
"""

from __future__ import annotations

from torch import Tensor, nn

# Table 2 of the paper: expansion t, channels c, repeats n, stride s of the first repeat.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
STEM_CHANNELS = 32
FEATURES = 1280
CLASSES = 1000
INPUT_SIZE = 224


def convolution(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Convolution, batch norm, ReLU6: (B, inputs, H, W) -> (B, outputs, H/stride, W/stride)."""
    padding = (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Widen by ``expansion``, filter each channel alone, narrow without a non-linearity.

    The narrow ends are joined by a shortcut where their shapes agree.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        widen = [convolution(inputs, hidden, kernel=1)] if expansion != 1 else []
        self.conv = nn.Sequential(
            *widen,
            convolution(hidden, hidden, stride=stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H/stride, W/stride)."""
        narrow: Tensor = self.conv(x)
        return x + narrow if self.shortcut else narrow


class MobileNetV2(nn.Module):
    """The classifier of width 1.0: 3.5 M parameters, 0.3 GMAC at 224 x 224."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        layers: list[nn.Module] = [convolution(3, STEM_CHANNELS, stride=2)]
        channels = STEM_CHANNELS
        for expansion, outputs, repeats, stride in STAGES:
            for index in range(repeats):
                step = stride if index == 0 else 1
                layers.append(InvertedResidual(channels, outputs, step, expansion))
                channels = outputs
        layers.append(convolution(channels, FEATURES, kernel=1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(FEATURES, classes))

    def embed(self, x: Tensor) -> Tensor:
        """Normalised RGB (B, 3, H, W) -> features averaged over the picture (B, 1280), >= 0."""
        features: Tensor = self.features(x)
        return features.mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Normalised RGB (B, 3, H, W) -> class logits (B, classes)."""
        logits: Tensor = self.classifier(self.embed(x))
        return logits
