"""The synchronous memory of the stepped model."""

from model.stepped.memory import SynchronousMemory


def test_data_come_one_cycle_later_and_stay():
    memory = SynchronousMemory(4, 0)
    memory.write(2, 7)
    memory.commit()
    assert memory.output == 0
    memory.read(2)
    assert memory.output == 0
    memory.commit()
    assert memory.output == 7
    memory.commit()
    assert memory.output == 7


def test_read_of_the_word_being_written_gives_the_old_word():
    memory = SynchronousMemory(4, 0)
    memory.write(1, 5)
    memory.commit()
    memory.write(1, 6)
    memory.read(1)
    memory.commit()
    assert memory.output == 5
    memory.read(1)
    memory.commit()
    assert memory.output == 6


def test_addresses_past_the_end():
    memory = SynchronousMemory(3, 9)
    memory.write(3, 1)
    memory.read(3)
    memory.commit()
    assert memory.output == 9
    assert memory.words == [9, 9, 9]
