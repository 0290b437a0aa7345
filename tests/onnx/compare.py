"""Runs exported models in ONNX Runtime and compares them with what diabolo computed.

    compare.py FOLDER...

Each folder holds models, such as encoder.onnx, decoder.onnx and whole.onnx, and arrays by the names of
their inputs and outputs: images, code, reconstruction, labels, log_variance, log_scale, index.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

TOLERANCE = 1e-4


def differences(path):
    """The greatest difference of each output; of reconstructions as they are, else by their scale."""
    folder = path.parent
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {}
    for given in session.get_inputs():
        assert given.shape[0] == "batch", f"{given.name} has a batch of {given.shape[0]}"
        kind = np.int64 if given.type == "tensor(int64)" else np.float32
        inputs[given.name] = np.load(folder / f"{given.name}.npy").astype(kind)
    names = [made.name for made in session.get_outputs()]
    assert all(made.shape[0] == "batch" for made in session.get_outputs())
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    count = len(next(iter(inputs.values())))
    # The batch is open: all at once, one by one, and what is left over.
    for batch in (count, 1, 3):
        parts = [
            session.run(names, {name: rows[first : first + batch] for name, rows in inputs.items()})
            for first in range(0, count, batch)
        ]
        for place, name in enumerate(names):
            made = np.concatenate([part[place] for part in parts])
            expected = np.load(folder / f"{name}.npy")
            assert made.shape == expected.shape, f"{name}: {made.shape}, not {expected.shape}"
            if name == "index":
                assert made.dtype == np.int64
                # Equal codes of the codebook have two numbers.
                codebook = weights["codebook.codes"] + weights.get("codebook.moves", 0)
                made, expected = codebook[made], codebook[expected]
            assert np.isfinite(made).all(), name
            assert np.ptp(expected, axis=0).max() > 0 or name == "top_k_of_all", f"{name} is constant"
            scale = 1 if name == "reconstruction" else np.abs(expected).max()
            yield name, np.abs(made - expected).max() / scale


def main():
    failed = False
    for folder in map(Path, sys.argv[1:]):
        for path in sorted(folder.glob("*.onnx")):
            worst = {}
            for name, difference in differences(path):
                worst[name] = max(worst.get(name, 0), difference)
            wrong = any(difference > TOLERANCE for difference in worst.values())
            failed |= wrong
            numbers = ", ".join(f"{name} {number:.1e}" for name, number in worst.items())
            print(f"{folder.name} {path.stem}: {numbers}{' WRONG' if wrong else ''}")
    sys.exit(failed)


main()
