"""What the EIE paper publishes about its nine layers (Han et al., ISCA 2016, arXiv 1602.01528v2, Tables III and IV)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from model.errors import EieError

PAPER_PES = 64
PAPER_CLOCK_MHZ = 800.0

Platform = Literal["cpu_batch_1", "cpu_batch_64", "gpu_batch_1", "gpu_batch_64", "mobile_gpu_batch_1"]


class Times(NamedTuple):
    """Microseconds per frame of a platform, with the dense and with the sparse library."""

    dense: float
    sparse: float


@dataclass(frozen=True, kw_only=True)
class PaperLayer:
    """One benchmark layer and its published times.

    Parameters
    ----------
    name : as in Table III.
    inputs, outputs : of the fully connected layer; its matrix is (outputs, inputs).
    weight_density : share of weights that are not zero after pruning.
    activation_density : share of inputs that are not zero.
    ideal_us, actual_us : microseconds of 64 PEs at 800 MHz (Table IV): if every PE had the mean number of entries,
        padding included, and as simulated by the authors. Figure 6 of the paper has 9.6 for the actual time of NT-We
        and 7.8 for that of NT-LSTM.
    platform_us : microseconds per frame (Table IV): Core i7-5930K with MKL, Titan X with cuBLAS and cuSPARSE, and, at
        batch 1 only, Tegra K1.
    """

    name: str
    inputs: int
    outputs: int
    weight_density: float
    activation_density: float
    ideal_us: float
    actual_us: float
    platform_us: Mapping[Platform, Times]

    @property
    def ideal_cycles(self) -> float:
        """The ideal time in cycles of the paper's clock."""
        return self.ideal_us * PAPER_CLOCK_MHZ

    @property
    def actual_over_ideal(self) -> float:
        """What imbalance and waiting cost: 1 is the ideal."""
        return self.actual_us / self.ideal_us


def _layer(
    name: str,
    shape: tuple[int, int],
    densities: tuple[float, float],
    eie_us: tuple[float, float],
    cpu: tuple[Times, Times],
    gpu: tuple[Times, Times],
    mobile_gpu: Times,
) -> PaperLayer:
    return PaperLayer(
        name=name,
        inputs=shape[0],
        outputs=shape[1],
        weight_density=densities[0],
        activation_density=densities[1],
        ideal_us=eie_us[0],
        actual_us=eie_us[1],
        platform_us={
            "cpu_batch_1": cpu[0],
            "cpu_batch_64": cpu[1],
            "gpu_batch_1": gpu[0],
            "gpu_batch_64": gpu[1],
            "mobile_gpu_batch_1": mobile_gpu,
        },
    )


# Name, (inputs, outputs), (weights, activations), EIE (ideal, actual), CPU and GPU at batch 1 and 64, mobile GPU.
PAPER_LAYERS: Mapping[str, PaperLayer] = {
    layer.name: layer
    for layer in (
        _layer(
            "Alex-6",
            (9216, 4096),
            (0.09, 0.351),
            (28.1, 30.3),
            (Times(7516.2, 3066.5), Times(318.4, 1417.6)),
            (Times(541.5, 134.8), Times(19.8, 94.6)),
            Times(12437.2, 2879.3),
        ),
        _layer(
            "Alex-7",
            (4096, 4096),
            (0.09, 0.353),
            (11.7, 12.2),
            (Times(6187.1, 1282.1), Times(188.9, 682.1)),
            (Times(243.0, 65.8), Times(8.9, 51.5)),
            Times(5765.0, 1256.5),
        ),
        _layer(
            "Alex-8",
            (4096, 1000),
            (0.25, 0.375),
            (8.9, 9.9),
            (Times(1134.9, 890.5), Times(45.8, 407.7)),
            (Times(80.5, 54.6), Times(5.9, 23.2)),
            Times(2252.1, 837.0),
        ),
        _layer(
            "VGG-6",
            (25088, 4096),
            (0.04, 0.183),
            (28.1, 34.4),
            (Times(35022.8, 3774.3), Times(1056.0, 1780.3)),
            (Times(1467.8, 167.0), Times(53.6, 121.5)),
            Times(35427.0, 4377.2),
        ),
        _layer(
            "VGG-7",
            (4096, 4096),
            (0.04, 0.375),
            (7.9, 8.7),
            (Times(5372.8, 545.1), Times(188.3, 274.9)),
            (Times(243.0, 39.8), Times(8.9, 24.4)),
            Times(5544.3, 626.3),
        ),
        _layer(
            "VGG-8",
            (4096, 1000),
            (0.23, 0.411),
            (7.3, 8.4),
            (Times(774.2, 777.3), Times(45.7, 363.1)),
            (Times(80.5, 48.0), Times(5.9, 22.0)),
            Times(2243.1, 745.1),
        ),
        _layer(
            "NT-We",
            (4096, 600),
            (0.10, 1.0),
            (5.2, 8.0),
            (Times(605.0, 261.2), Times(28.7, 117.7)),
            (Times(65.0, 17.7), Times(3.2, 10.9)),
            Times(1316.0, 240.6),
        ),
        _layer(
            "NT-Wd",
            (600, 8791),
            (0.11, 1.0),
            (13.0, 13.9),
            (Times(1361.4, 437.4), Times(69.0, 176.4)),
            (Times(90.1, 41.1), Times(2.3, 11.0)),
            Times(2565.5, 570.6),
        ),
        _layer(
            "NT-LSTM",
            (1201, 2400),
            (0.10, 1.0),
            (6.5, 7.5),
            (Times(470.5, 260.0), Times(28.8, 107.4)),
            (Times(51.9, 18.5), Times(2.5, 9.0)),
            Times(956.9, 315.0),
        ),
    )
}


def chosen(names: Sequence[str] | None) -> list[PaperLayer]:
    """The layers named, each once and in the paper's order, or all; EieError for a name it does not have."""
    for name in names or ():
        if name not in PAPER_LAYERS:
            raise EieError(f"no layer {name!r}; layers: {', '.join(PAPER_LAYERS)}")
    return [layer for layer in PAPER_LAYERS.values() if not names or layer.name in names]
