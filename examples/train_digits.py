"""Train the example network on scikit-learn's handwritten digits and write it, with held-out data, beside this file.

Three fully connected layers, 64-300-100-10 (LeNet-300-100's shape for 8 x 8 images). The L1 penalty, applied as a
proximal step after every epoch, drives most weights to zero, so that pruning by magnitude afterwards costs nothing;
it stands in for Deep Compression's prune-and-retrain loop. Run: ``python examples/train_digits.py``.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

SEED = 0
HELD_OUT = 360
CALIBRATION = 100
EPOCHS = 300
L1_FREE_EPOCHS = 20
L1_STEP = 1e-3  # how far every weight moves towards zero after an epoch
PIXEL_SCALE = 16.0


def train(images: np.ndarray, labels: np.ndarray) -> MLPClassifier:
    """The trained classifier; `images` is (n, 64) in 0 .. 1."""
    network = MLPClassifier((300, 100), activation="relu", random_state=SEED)
    for epoch in range(EPOCHS):
        network.partial_fit(images, labels, classes=np.arange(10))
        if epoch >= L1_FREE_EPOCHS:
            for weights in network.coefs_:
                weights[...] = np.sign(weights) * np.maximum(np.abs(weights) - L1_STEP, 0)
    return network


def main() -> None:
    """Train, print the held-out accuracy, write the three files."""
    values, digits = load_digits(return_X_y=True)
    pixels, labels = np.asarray(values, dtype=np.uint8), np.asarray(digits, dtype=np.uint8)
    train_i, test_i = train_test_split(np.arange(len(labels)), test_size=HELD_OUT, stratify=labels, random_state=SEED)
    train_x, test_x, train_y, test_y = pixels[train_i], pixels[test_i], labels[train_i], labels[test_i]
    network = train(train_x / PIXEL_SCALE, train_y)
    print(f"held-out accuracy: {network.score(test_x / PIXEL_SCALE, test_y):.4f}")

    tensors: dict[str, np.ndarray] = {}
    for layer, (weights, biases) in enumerate(zip(network.coefs_, network.intercepts_, strict=True), start=1):
        tensors[f"l{layer}.weight"] = np.ascontiguousarray(weights.T, dtype=np.float32)
        tensors[f"l{layer}.bias"] = biases.astype(np.float32)
    folder = Path(__file__).parent
    save_file(tensors, folder / "digits_network.safetensors", metadata={"order": "l1,l2,l3"})
    np.savez(
        folder / "digits.npz",
        images=test_x,
        labels=test_y,
        calibration=train_x[:CALIBRATION],
    )
    np.save(folder / "digits_inputs.npy", (test_x[:16] / PIXEL_SCALE).astype(np.float32))


if __name__ == "__main__":
    main()
