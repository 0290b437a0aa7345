"""PyTorch on a CUDA GPU, on the workloads that `diabolo bench` measures: a line each with the milliseconds of a step.

    python benches/torch_cuda.py [NAME..]

Each is timed as PyTorch runs it by itself (eager) and as a captured graph that is replayed (graph), which costs no
launches of the host; in f32, with TF32 and under autocast to f16. Convolutions are timed in both memory formats, of
which the faster one counts. The networks are those of docs/performance.md.
"""
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

DEVICE = "cuda"


def dense(sizes):
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.Sigmoid())


class Convolutional(nn.Module):
    """W3: 32 and 64 channels, pooling, a code of 32, transposed convolutions back."""

    def __init__(self):
        super().__init__()
        encoder = [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        encoder += [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        self.encoder = nn.Sequential(*encoder, nn.Linear(3136, 32), nn.ReLU())
        decoder = [nn.Linear(32, 3136), nn.ReLU(), nn.Unflatten(1, (64, 7, 7))]
        decoder += [nn.ConvTranspose2d(64, 64, 2, 2), nn.ReLU(), nn.ConvTranspose2d(64, 32, 2, 2), nn.ReLU()]
        self.decoder = nn.Sequential(*decoder, nn.Conv2d(32, 1, 3, padding=1), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Variational(nn.Module):
    """An encoder, a mean and a log-variance of its features, and a decoder: W5 and W6."""

    def __init__(self, encoder, features, code, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.mean, self.log_variance = nn.Linear(features, code), nn.Linear(features, code)

    def forward(self, x):
        h = self.encoder(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return self.decoder(z), mean, log_variance


def w5():
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid())
    return Variational(nn.Sequential(nn.Linear(784, 400), nn.ReLU()), 400, 20, decoder)


def w6():
    encoder, decoder = [], [nn.Linear(128, 4096), nn.ReLU(), nn.Unflatten(1, (256, 4, 4))]
    for a, b in [(3, 32), (32, 64), (64, 128), (128, 256)]:
        encoder += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    for a, b in [(256, 256), (256, 128), (128, 64), (64, 32)]:
        decoder += [nn.ConvTranspose2d(a, b, 2, 2), nn.ReLU()]
    decoder += [nn.Conv2d(32, 3, 3, padding=1), nn.Sigmoid()]
    return Variational(nn.Sequential(*encoder, nn.Flatten()), 4096, 128, nn.Sequential(*decoder))


def divergence(mean, log_variance):
    return -0.5 * torch.sum(1 + log_variance - mean * mean - log_variance.exp())


def cross_entropy(made, x):
    return F.binary_cross_entropy(made[0], x, reduction="sum") + divergence(*made[1:])


def squared(made, x):
    return ((made[0] - x) ** 2).sum() + divergence(*made[1:])


def noisy(x):
    return x + 0.5 * torch.randn_like(x)


def training(make, shape, loss, mode, spoil=lambda x: x):
    """Steps of Adam, one for each memory format."""

    def of(form):
        network, x = make().to(DEVICE), torch.rand(shape, device=DEVICE)
        if len(shape) == 4:
            network, x = network.to(memory_format=form), x.to(memory_format=form)
        optimiser = torch.optim.Adam(network.parameters(), 1e-3, fused=True, capturable=True)

        def step():
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast(DEVICE, torch.float16, enabled=mode == "autocast"):
                made = network(spoil(x))
            made = tuple(part.float() for part in made) if isinstance(made, tuple) else made.float()
            loss(made, x).backward()
            optimiser.step()

        return step

    formats = [torch.contiguous_format, torch.channels_last]
    return [of(form) for form in formats[: 2 if len(shape) == 4 else 1]]


def inference(make, shape):
    def of(form):
        network = make().to(DEVICE).eval().to(memory_format=form)
        x = torch.rand(shape, device=DEVICE).to(memory_format=form)

        @torch.no_grad()
        def step():
            network(x)

        return step

    return [of(form) for form in (torch.contiguous_format, torch.channels_last)]


def captured(step):
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(4):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def milliseconds(step, seconds=0.25):
    """The median of samples of about 50 ms, by the device's own clock, once it is warm."""
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    begin = time.perf_counter()
    step()
    torch.cuda.synchronize()
    count = max(5, min(2000, int(0.05 / max(time.perf_counter() - begin, 1e-5))))
    samples, begin = [], time.perf_counter()
    while time.perf_counter() - begin < seconds or len(samples) < 3:
        first, last = torch.cuda.Event(True), torch.cuda.Event(True)
        first.record()
        for _ in range(count):
            step()
        last.record()
        torch.cuda.synchronize()
        samples.append(first.elapsed_time(last) / count)
    return statistics.median(samples)


WORKLOADS = {
    "W1": lambda mode: training(lambda: dense([784, 64, 32, 32, 64, 784]), (256, 784), F.mse_loss, mode),
    "W3": lambda mode: training(Convolutional, (128, 1, 28, 28), F.mse_loss, mode),
    "W4": lambda mode: training(lambda: dense([784, 400, 32, 400, 784]), (32, 784), F.mse_loss, mode, noisy),
    "W5": lambda mode: training(w5, (128, 784), cross_entropy, mode),
    "W6": lambda mode: training(w6, (64, 3, 64, 64), squared, mode),
    "W3infer": lambda mode: inference(Convolutional, (128, 1, 28, 28)),
    "W6infer": lambda mode: inference(w6, (64, 3, 64, 64)),
}

if __name__ == "__main__":
    torch.backends.cudnn.benchmark = True
    names = sys.argv[1:] or list(WORKLOADS)
    for mode in ("f32", "tf32", "autocast"):
        torch.backends.cuda.matmul.allow_tf32 = mode != "f32"
        torch.backends.cudnn.allow_tf32 = mode != "f32"
        for name in names:
            # Autocast has no cross-entropy of probabilities, and what is not trained is not measured by it.
            if mode == "autocast" and (name == "W5" or name.endswith("infer")):
                continue
            eager = min(milliseconds(step) for step in WORKLOADS[name](mode))
            graph = min(milliseconds(captured(step)) for step in WORKLOADS[name](mode))
            print(f"{name} {mode}: eager {eager:.4f} ms, graph {graph:.4f} ms", flush=True)
