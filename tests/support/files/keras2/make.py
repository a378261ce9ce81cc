"""Made the files beside it, with what Keras 2 computes; it wants tensorflow-cpu 2.21.0 and tf_keras 2.21.0."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    keras: Any = import_module("tf_keras")
    L = keras.layers
    x = keras.Input((8, 6, 3), name="image")
    made = L.Conv2D(4, 3, strides=2, padding="same", name="stem")(x)
    made = L.ReLU(6.0)(L.BatchNormalization(name="norm")(made))
    made = L.Add()([made, L.SeparableConv2D(4, 3, padding="same", activation="hard_sigmoid")(made)])
    made = L.AveragePooling2D(2, 1, "same")(2.0 * L.LeakyReLU(0.1)(L.DepthwiseConv2D(2)(made)) - 1.0)
    made = L.Bidirectional(L.LSTM(3, return_sequences=True))(L.Reshape((6, 4))(made))
    inner = keras.Sequential([L.Dense(5, activation="gelu"), L.BatchNormalization(), L.Dense(4)], name="inner")
    inner.build((None, 4))
    model = keras.Model(x, inner(L.GRU(4)(made)))
    rng = np.random.default_rng(0)
    for weight in model.weights:
        low = 0.5 if "variance" in weight.name else -0.5
        weight.assign(rng.uniform(low, 1.0, weight.shape))
    folder = Path(__file__).parent
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    inputs = rng.normal(size=(3, 8, 6, 3)).astype(np.float32)
    np.savez(folder / "outputs.npz", inputs=inputs, outputs=model.predict(inputs, verbose=0))


if __name__ == "__main__":
    main()
