"""sw/training/distillation.py: the loss, and a student that learns from a teacher alone."""

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch.utils.data import DataLoader, TensorDataset

from sw.training.distillation import Taught, distillation, mimicking, noisy
from sw.training.optimiser import Training
from sw.training.pipeline import taught_loss
from sw.training.recipe import Distillation
from sw.training.train import train
from tests.support.networks.training import assert_equal, batches, blobs, perceptron


def test_the_loss() -> None:
    outputs, logits, labels = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]]), torch.tensor([0])
    student, teacher = (torch.softmax(values / 4, dim=1) for values in (outputs, logits))
    divergence = (teacher * (teacher / student).log()).sum()
    entropy = -torch.softmax(outputs, dim=1)[0, 0].log()
    torch.testing.assert_close(distillation(0.75, 4.0)(outputs, (labels, logits)), 12 * divergence + 0.25 * entropy)
    torch.testing.assert_close(distillation(1.0, 4.0)(logits, (labels, logits)), torch.tensor(0.0))


def test_mimicking_is_half_the_squared_distance_of_normalised_logits() -> None:
    outputs = torch.tensor([[1.0, 0.0], [4.0, 2.0]])
    logits, labels = torch.tensor([[3.0, 1.0], [2.0, 0.0]]), torch.tensor([0, 1])
    mean, deviation = torch.tensor([5.0, -3.0]), torch.tensor([2.0, 0.5])
    squares = [((1 - 3) / 2) ** 2 + ((0 - 1) / 0.5) ** 2, ((4 - 2) / 2) ** 2 + ((2 - 0) / 0.5) ** 2]
    entropy = torch.nn.functional.cross_entropy(outputs, labels)
    loss = mimicking(0.75, mean, deviation)(outputs, (labels, logits))
    torch.testing.assert_close(loss, 0.75 * sum(squares) / 4 + 0.25 * entropy)


def test_a_recipe_normalises_by_the_deviation_of_each_logit() -> None:
    logits = torch.randn(2, 50, 2, generator=torch.Generator().manual_seed(1)) * torch.tensor([1.0, 7.0])
    labels, outputs = torch.zeros(50, dtype=torch.int64), logits[0] + torch.tensor([1.0, 7.0])
    loss = taught_loss(Distillation(target="logits", share=1.0), logits)(outputs, (labels, logits[0]))
    deviations = logits.view(100, 2).std(0, correction=0)
    torch.testing.assert_close(loss, ((1 / deviations[0]) ** 2 + (7 / deviations[1]) ** 2) / 2)


def test_a_noisy_teacher_disturbs_a_share_of_the_inputs_by_factors() -> None:
    seen: list[torch.Tensor] = []

    def kept(outputs: torch.Tensor, target: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        seen.append(target[1])
        return outputs.sum()

    torch.manual_seed(0)
    logits = torch.full((20_000, 3), -4.0)
    for _ in range(2):
        noisy(kept, 0.3, 0.5)(logits, (logits, logits))
    factors = seen[0] / -4
    hit = (factors != 1).any(dim=1)
    assert hit.double().mean().item() == pytest.approx(0.3, abs=0.02)
    assert factors[hit].mean().item() == pytest.approx(1, abs=0.02)
    assert factors[hit].std().item() == pytest.approx(0.5, abs=0.02)
    assert not torch.equal(seen[0], seen[1])
    assert abs(torch.corrcoef(factors[hit].T)[0, 1].item()) < 0.05


def test_a_student_learns_logits() -> None:
    teacher, student = perceptron(), perceptron(seed=1)
    train(teacher, batches(), Training(epochs=20, learning_rate=0.05))
    loss = noisy(mimicking(1.0, torch.zeros(3), torch.ones(3)), 0.5, 0.3)
    wrong = [(inputs, (labels + 1) % 3) for inputs, labels in batches()]
    training = Training(epochs=40, learning_rate=0.02)
    history = train(student, Taught(wrong, teacher), training, loss=loss, validation=batches(seed=1))
    assert history[-1].error is not None
    assert history[-1].error < 0.05


def test_a_student_learns_from_the_teacher_where_labels_are_wrong() -> None:
    teacher, student = perceptron(), perceptron(seed=1)
    train(teacher, batches(), Training(epochs=20, learning_rate=0.05))
    wrong = [(inputs, (labels + 1) % 3) for inputs, labels in batches()]
    data, training = Taught(wrong, teacher), Training(epochs=30, learning_rate=0.05)
    assert len(data) == len(wrong)
    history = train(student, data, training, loss=distillation(1.0, 2.0), validation=batches(seed=1))
    assert history[-1].error is not None
    assert history[-1].error < 0.05


def test_the_order_of_taught_batches_is_seeded() -> None:
    inputs, labels = blobs()
    students = [perceptron(), perceptron()]
    for number, student in enumerate(students):
        generator = torch.Generator().manual_seed(number)
        loader = DataLoader(TensorDataset(inputs, labels), 16, shuffle=True, generator=generator)
        train(student, Taught(loader, perceptron(seed=1)), Training(epochs=2), loss=distillation(0.5, 2.0), seed=3)
    assert_equal(*students)
