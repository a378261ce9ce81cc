"""sw/training/distillation.py: the loss, and a student that learns from a teacher alone."""

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch.utils.data import DataLoader, TensorDataset

from sw.training.distillation import Taught, distillation
from sw.training.optimiser import Training
from sw.training.train import train
from tests.support.networks.training import assert_equal, batches, blobs, perceptron


def test_the_loss() -> None:
    outputs, logits, labels = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]]), torch.tensor([0])
    student, teacher = (torch.softmax(values / 4, dim=1) for values in (outputs, logits))
    divergence = (teacher * (teacher / student).log()).sum()
    entropy = -torch.softmax(outputs, dim=1)[0, 0].log()
    torch.testing.assert_close(distillation(0.75, 4.0)(outputs, (labels, logits)), 12 * divergence + 0.25 * entropy)
    torch.testing.assert_close(distillation(1.0, 4.0)(logits, (labels, logits)), torch.tensor(0.0))


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
