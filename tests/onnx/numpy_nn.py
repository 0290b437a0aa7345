"""As much of `torch.nn` as two models need, with arrays of NumPy: modules with the names, shapes and
rules that PyTorch documents for its own, so that weights that load here load there.
"""

import numpy as np


class Module:
    """Parameters are attributes that are arrays; modules are attributes that are modules."""

    def state(self, prefix=""):
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                yield prefix + name, (self, name)
            elif isinstance(value, Module):
                yield from value.state(f"{prefix}{name}.")

    def load_state_dict(self, weights, strict=True):
        own = dict(self.state())
        assert strict
        assert own.keys() == weights.keys(), f"names differ: {own.keys() ^ weights.keys()}"
        for name, (module, attribute) in own.items():
            shape = getattr(module, attribute).shape
            assert weights[name].shape == shape, f"{name}: {weights[name].shape}, not {shape}"
            setattr(module, attribute, weights[name])

    def eval(self):
        return self

    def __call__(self, x):
        return self.forward(x)


class Linear(Module):
    """`y = x A^T + b`; weight `[out_features, in_features]`."""

    def __init__(self, in_features, out_features):
        self.weight = np.zeros((out_features, in_features), np.float32)
        self.bias = np.zeros(out_features, np.float32)

    def forward(self, x):
        return x @ self.weight.T + self.bias


class Conv2d(Module):
    """Weight `[out_channels, in_channels, kernel, kernel]`."""

    def __init__(self, in_channels, out_channels, kernel, stride=1, padding=0, bias=True):
        self.weight = np.zeros((out_channels, in_channels, kernel, kernel), np.float32)
        self.bias = np.zeros(out_channels, np.float32) if bias else None
        self.walk = (kernel, stride, padding)

    def forward(self, x):
        kernel, stride, padding = self.walk
        x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (2, 3))
        y = np.einsum("nihwkl,oikl->nohw", windows[:, :, ::stride, ::stride], self.weight)
        return y if self.bias is None else y + self.bias[:, None, None]


class ConvTranspose2d(Module):
    """Weight `[in_channels, out_channels, kernel, kernel]`; the output has
    `(size - 1) stride - 2 padding + kernel + output_padding` rows."""

    def __init__(
        self, in_channels, out_channels, kernel, stride=1, padding=0, output_padding=0, bias=True
    ):
        self.weight = np.zeros((in_channels, out_channels, kernel, kernel), np.float32)
        self.bias = np.zeros(out_channels, np.float32) if bias else None
        self.walk = (kernel, stride, padding, output_padding)

    def forward(self, x):
        kernel, stride, padding, output_padding = self.walk
        count, _, height, width = x.shape
        whole = [(size - 1) * stride + kernel + output_padding for size in (height, width)]
        y = np.zeros((count, self.weight.shape[1], *whole), np.float32)
        for row in range(height):
            for column in range(width):
                patch = np.einsum("ni,iokl->nokl", x[:, :, row, column], self.weight)
                top, left = row * stride, column * stride
                y[:, :, top : top + kernel, left : left + kernel] += patch
        y = y[:, :, padding : whole[0] - padding, padding : whole[1] - padding]
        return y if self.bias is None else y + self.bias[:, None, None]


class BatchNorm2d(Module):
    """By the running moments: `(x - mean) / sqrt(var + eps) weight + bias`."""

    def __init__(self, channels):
        self.weight, self.bias = np.ones(channels, np.float32), np.zeros(channels, np.float32)
        self.running_mean = np.zeros(channels, np.float32)
        self.running_var = np.ones(channels, np.float32)

    def forward(self, x):
        scale = self.weight / np.sqrt(self.running_var + 1e-5)
        centred = x - self.running_mean[:, None, None]
        return centred * scale[:, None, None] + self.bias[:, None, None]


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def max_pool2d(x, size):
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))[
        :, :, ::size, ::size
    ].max((4, 5))
