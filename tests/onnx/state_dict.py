"""Loads model.safetensors into modules as PyTorch has them, and compares with what diabolo computed.

    state_dict.py [--torch] dense|conv FOLDER

The folder holds model.safetensors and the arrays images, code and reconstruction. With --torch the
modules are PyTorch's own; without it they are those of numpy_nn.py, which need no PyTorch.
"""

import sys
from pathlib import Path

import numpy as np

WITH_TORCH = "--torch" in sys.argv
if WITH_TORCH:
    import torch
    from safetensors.torch import load_file
    from torch import nn
    from torch.nn.functional import max_pool2d, relu
else:
    import numpy_nn as nn
    from numpy_nn import max_pool2d, relu
    from safetensors.numpy import load_file


class Autoencoder(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder


class DenseEncoder(nn.Module):
    """--arch dense:24,12 --latent 5 --activation relu on 8 x 8 pixels."""

    def __init__(self):
        super().__init__()
        self.dense1, self.dense2 = nn.Linear(64, 24), nn.Linear(24, 12)
        self.code = nn.Linear(12, 5)
        self.linear = nn.Linear(64, 5)

    def forward(self, x):
        x = x.reshape(len(x), -1)
        return self.linear(x) + self.code(relu(self.dense2(relu(self.dense1(x)))))


class DenseDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense1, self.dense2 = nn.Linear(5, 12), nn.Linear(12, 24)
        self.output = nn.Linear(24, 64)
        self.linear = nn.Linear(5, 64)

    def forward(self, code):
        x = self.output(relu(self.dense2(relu(self.dense1(code)))))
        return (self.linear(code) + x).reshape(len(code), 1, 8, 8).clip(0, 1)


def normalised(convolution, channels):
    """Its normalisation belongs to the convolution: conv1.weight, conv1.norm.weight."""
    convolution.norm = nn.BatchNorm2d(channels)
    return convolution


def stage(convolution, x):
    return relu(convolution.norm(convolution(x)))


class ConvEncoder(nn.Module):
    """--arch conv:4,6 --norm batch --upsample-kernel 3 --latent 5 --activation relu on 8 x 8 pixels."""

    def __init__(self):
        super().__init__()
        self.conv1 = normalised(nn.Conv2d(1, 4, 3, padding=1, bias=False), 4)
        self.conv2 = normalised(nn.Conv2d(4, 6, 3, padding=1, bias=False), 6)
        self.code = nn.Linear(6 * 2 * 2, 5)
        self.linear = nn.Linear(64, 5)

    def forward(self, images):
        x = max_pool2d(stage(self.conv1, images), 2)
        x = max_pool2d(stage(self.conv2, x), 2)
        return self.linear(images.reshape(len(x), -1)) + self.code(x.reshape(len(x), -1))


class ConvDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        walk = dict(stride=2, padding=1, output_padding=1, bias=False)
        self.dense = nn.Linear(5, 6 * 2 * 2)
        self.conv_transpose1 = normalised(nn.ConvTranspose2d(6, 6, 3, **walk), 6)
        self.conv_transpose2 = normalised(nn.ConvTranspose2d(6, 4, 3, **walk), 4)
        self.output = nn.Conv2d(4, 1, 3, padding=1)
        self.linear = nn.Linear(5, 64)

    def forward(self, code):
        x = relu(self.dense(code)).reshape(len(code), 6, 2, 2)
        x = stage(self.conv_transpose2, stage(self.conv_transpose1, x))
        return (self.linear(code).reshape(len(code), 1, 8, 8) + self.output(x)).clip(0, 1)


def main():
    kind, folder = sys.argv[-2], Path(sys.argv[-1])
    parts = {"dense": (DenseEncoder, DenseDecoder), "conv": (ConvEncoder, ConvDecoder)}[kind]
    model = Autoencoder(*(part() for part in parts))
    weights = load_file(folder / "model.safetensors")
    moments = [name for name in weights if name.startswith("moment.")]
    assert moments, "the optimiser's moments are stored"
    for name in moments:
        del weights[name]
    model.load_state_dict(weights, strict=True)
    model.eval()
    arrays = {name: np.load(folder / f"{name}.npy") for name in ("images", "code", "reconstruction")}
    images = arrays["images"]
    if WITH_TORCH:
        with torch.no_grad():
            code = model.encoder(torch.from_numpy(images))
            made = {"code": code.numpy(), "reconstruction": model.decoder(code).numpy()}
    else:
        code = model.encoder(images)
        made = {"code": code, "reconstruction": model.decoder(code)}
    for name, array in made.items():
        scale = max(1, np.abs(arrays[name]).max())
        difference = np.abs(array - arrays[name]).max() / scale
        print(f"{kind} {name}: {difference:.1e}")
        assert array.shape == arrays[name].shape and difference < 1e-4, name


main()
