"""Compression without labels across layers: the whole network keeps its outputs on typical inputs.

`sw.compress.reconstruct` fits layer by layer. From there the weights that survive learn, all together, to give what the
network before compression gives (Hinton et al., 2015) on those inputs and changed copies of them; then they are shared
and the shared values learn the same: the cross-layer step of global error reconstruction. Inputs that are held back
choose the step that is kept.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from model.errors import EieError
from sw.compress.pipeline import compress
from sw.compress.reconstruct import reconstruct
from sw.compress.rounding import round_biases, round_weights
from sw.network.compressed import CompressedNetwork
from sw.network.host_end import without_softmax
from sw.network.layer import Layer
from sw.network.network import Network, check_inputs
from sw.training.fine_tune import FineTuning, Shared
from sw.training.forms import Form
from sw.training.graph_module import GraphModule
from sw.training.lesson import Changes, Lesson
from sw.training.loop import Epoch, optimise
from sw.training.optimiser import Training
from sw.training.parameters import is_bias, prunable
from sw.training.reproducible import epoch_seed, reproducible

HELD_BACK = 5  # of so many inputs one
LEAST = 10  # inputs
COPIES = 3  # changed ones of each input held back, so that chance counts less
EPOCH = 50  # steps, after which the inputs held back are looked at
SHARED = 3  # of so many steps one is for the shared values
FREE_RATE, SHARED_RATE = 0.008, 0.002  # of a weight's usual size, per step
BIAS_RATE = 0.3  # of that, of what biases are added to
TEMPERATURE = 2.0  # of distributions that are compared
UNSHARED_BITS = 8


@dataclass(frozen=True, kw_only=True)
class Distilled:
    """What came out.

    Parameters
    ----------
    network : compressed, without calibration.
    held_back : inputs that nothing was fitted to.
    layer_by_layer, distilled : the loss (`OutputLoss`) on them and `COPIES` changed copies of each. The network is the
        better one of the two.
    """

    network: CompressedNetwork
    held_back: int
    layer_by_layer: float
    distilled: float


def distil(
    network: Network,
    inputs: NDArray[Any],
    *,
    density: float | Mapping[str, float] | None = None,
    code_bits: int | Mapping[str, int] | None = None,
    steps: int = 900,
    seed: int = 0,
    changes: Changes | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Distilled:
    """The network with the weights, masks and codes of `reconstruct`, trained as a whole.

    Parameters
    ----------
    inputs : (n, *input_shape) typical ones, unlabelled, at least `LEAST`; one of `HELD_BACK` is held back.
    density, code_bits : as for `sw.compress.reconstruct.reconstruct`.
    steps : of training, each on a batch; a third of them trains shared values. Above `EPOCH` both parts are rounded up
        to multiples of it.
    seed : of batches, changes of inputs and their order.
    changes : of inputs.
    """
    samples = check_inputs(inputs, network.input_shape)
    if len(samples) < LEAST:
        raise EieError(f"distillation must have at least {LEAST} inputs, got {len(samples)}")
    if steps < 1:
        raise EieError(f"distillation must take at least 1 step, got {steps}")
    order = np.random.default_rng(seed).permutation(len(samples))
    held, fitted = np.split(samples[order], [len(samples) // HELD_BACK])
    work = _Distillation(network, fitted, held, changes or Changes(), seed, progress)
    return work.run(density, code_bits, steps)


class OutputLoss:
    """The squared error of outputs relative to their variance; of logits the divergence of distributions as well."""

    def __init__(self, outputs: Tensor, axis: int | None):
        self.variance = float(outputs.var(correction=0)) or 1.0
        self.axis = axis

    def __call__(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        error = functional.mse_loss(outputs, wanted) / self.variance
        if self.axis is None:
            return error
        student, teacher = (functional.log_softmax(each / TEMPERATURE, self.axis) for each in (outputs, wanted))
        divergence = functional.kl_div(student, teacher, reduction="none", log_target=True).sum(self.axis).mean()
        return error + TEMPERATURE**2 * divergence


class _Distillation:
    def __init__(
        self,
        network: Network,
        fitted: NDArray[np.float32],
        held: NDArray[np.float32],
        changes: Changes,
        seed: int,
        progress: Callable[[str], None],
    ):
        self.network, self.fitted, self.seed, self.progress = network, fitted, seed, progress
        self.bare, softmax = without_softmax(network)
        self.teacher = GraphModule(self.bare)
        self.lesson = Lesson(self.teacher, torch.as_tensor(fitted), EPOCH, changes)
        with reproducible(), torch.no_grad():
            epoch_seed(None, seed, 0)
            plain = torch.as_tensor(held)
            self.held = torch.cat([plain, *(self.lesson.changed(plain) for _ in range(COPIES))])
            self.wanted = self.teacher(self.held)
        self.loss = OutputLoss(self.wanted, None if softmax is None else softmax.axis + 1)

    def run(
        self,
        density: float | Mapping[str, float] | None,
        code_bits: int | Mapping[str, int] | None,
        steps: int,
    ) -> Distilled:
        plain = reconstruct(self.bare, self.fitted, density=density, code_bits=code_bits, progress=self.progress)
        free = self._learn_weights(density, steps - steps // SHARED)
        shared = reconstruct(free, self.fitted, code_bits=code_bits, progress=self.progress)
        made = self._learn_values(shared, steps // SHARED)
        errors = self.error(plain), self.error(made)
        best = made if errors[1] < errors[0] else plain
        return Distilled(
            network=CompressedNetwork(layers=best.layers, graph=self.network.graph),
            held_back=len(self.held) // (1 + COPIES),
            layer_by_layer=errors[0],
            distilled=errors[1],
        )

    def error(self, network: CompressedNetwork) -> float:
        """The loss on the inputs held back and their copies."""
        with torch.no_grad():
            return float(self.loss(GraphModule(network.to_network())(self.held), self.wanted))

    def _learn_weights(self, density: float | Mapping[str, float] | None, steps: int) -> Network:
        start = reconstruct(self.bare, self.fitted, density=density, code_bits=UNSHARED_BITS).to_network()
        student = GraphModule(start)
        self._optimise(student, Kept(student, self._sizes(student)), steps, FREE_RATE, "distilling weights")
        return student.network(start)

    def _learn_values(self, shared: CompressedNetwork, steps: int) -> CompressedNetwork:
        start = shared.to_network()
        student = GraphModule(start)
        form = SharedAndBiases(student, self._sizes(student))
        form.scatter()
        self._optimise(student, form, steps, SHARED_RATE, "distilling shared values")
        sizes, layers = self._sizes(student), list[Layer]()
        for number, layer in enumerate(student.network(start).layers):
            usual, spread = (sizes[f"layers.{number}.{part}"] for part in ("weight", "bias"))
            weight, bias = round_weights(layer.weight, usual), round_biases(layer.bias, spread)
            layers.append(Layer(layer.name, weight, bias, layer.relu, layer.convolution))
        bits = {layer.name: layer.code_bits for layer in shared.layers}
        return compress(Network(tuple(layers), self.bare.graph), code_bits=bits)

    def _optimise(self, student: GraphModule, form: Form, steps: int, rate: float, what: str) -> None:
        self.lesson.steps = max(1, min(EPOCH, steps))
        epochs = max(1, -(-steps // EPOCH))
        training = Training(epochs=epochs, optimizer="adam", learning_rate=rate, select="best")

        def told(epoch: Epoch) -> None:
            done, all_of_them = (number * self.lesson.steps for number in (epoch.epoch, epochs))
            self.progress(f"{what}: step {done} of {all_of_them}, loss {epoch.error:.3g}")

        optimise(
            student,
            form,
            self.lesson,
            training,
            {
                "validation": [(self.held, self.wanted)],
                "loss": self.loss,
                "metric": self.loss,
                "seed": self.seed,
                "progress": told,
            },
        )

    def _sizes(self, student: GraphModule) -> dict[str, float]:
        """The usual size of every parameter: of weights that are not zero, of what biases are added to."""
        parts = student.parts
        spreads: dict[int, float] = {}

        def keep(number: int) -> Callable[[nn.Module, Any, Tensor], None]:
            def hook(_: nn.Module, __: Any, made: Tensor) -> None:
                rows = 1 if isinstance(parts[number], nn.Conv2d) else made.ndim - 1
                by_row = made.detach().transpose(0, rows).flatten(1)
                spreads[number] = float(by_row.std(1, correction=0).median())

            return hook

        hooks = [part.register_forward_hook(keep(number)) for number, part in enumerate(parts)]
        with torch.no_grad():
            student(torch.as_tensor(self.fitted))
        for hook in hooks:
            hook.remove()
        sizes: dict[str, float] = {}
        for number, part in enumerate(parts):
            weight = part.weight.detach()
            kept = max(int(torch.count_nonzero(weight)), 1)
            sizes[f"layers.{number}.weight"] = math.sqrt(float(weight.square().sum()) / kept)
            sizes[f"layers.{number}.bias"] = spreads[number]
        return sizes


class Kept(Form):
    """Weights that are not zero at the start, and all biases, at rates that suit their sizes."""

    def __init__(self, module: nn.Module, sizes: Mapping[str, float]):
        super().__init__(module)
        self.sizes = sizes
        self.held = prunable(module, biases=True)
        self.trained = dict(self.held)
        self.masks = {name: parameter.detach() != 0 for name, parameter in self.held.items() if not is_bias(name)}

    def rate(self, name: str) -> float:
        return rate_of(name, self.sizes)

    def gather(self) -> None:
        for name, mask in self.masks.items():
            gradient = self.held[name].grad
            if gradient is not None:
                gradient.mul_(mask)


class SharedAndBiases(Shared):
    """Shared values with fixed codes, and all biases, at rates that suit their sizes."""

    def __init__(self, module: nn.Module, sizes: Mapping[str, float]):
        shared = {name: parameter.detach().clone() for name, parameter in prunable(module).items()}
        super().__init__(module, FineTuning(), shared)
        self.sizes = sizes
        biases = {name: each for name, each in prunable(module, biases=True).items() if is_bias(name)}
        self.held |= biases
        self.trained |= biases

    def decays(self, name: str) -> bool:
        return False

    def rate(self, name: str) -> float:
        return rate_of(name.split(" ")[0], self.sizes)


def rate_of(name: str, sizes: Mapping[str, float]) -> float:
    """The learning rate of a parameter relative to the others'."""
    return sizes[name] * (BIAS_RATE if is_bias(name) else 1)
