"""What a child and its parent say to each other while it searches in looks."""

from __future__ import annotations

import os

import msgspec
import pytest

from bench.stage import stopping
from bench.stage.job import Job

JOB = Job(stage="search", entries=(), result="result.json")


@pytest.mark.parametrize("word", [True, False])
def test_the_parent_says_whether_it_goes_on(word):
    """
    The child asks, the parent is given the job, and the child hears the parent's word.
    """
    given = []
    with stopping.pipes() as pipes:
        job = msgspec.structs.replace(JOB, pipes=pipes.of_child)
        question = pipes.question(job, lambda job: given.append(job) or word)
        os.write(pipes.say, stopping.GO_ON if word else stopping.STOP)  # as `answer` does, before the child waits

        heard = stopping.goes_on(job)
        question.answer()

    assert (word, [job]) == (heard, given)


def test_a_search_that_nobody_watches_is_whole():
    """
    Without pipes every look is searched.
    """
    assert stopping.goes_on(JOB)


@pytest.mark.parametrize("word", [b"x", None])
def test_a_word_that_is_none(word):
    """
    What is neither of the parent's two words, and a pipe that is closed, is said to be the adapter's doing.
    """
    with stopping.pipes() as pipes:
        hear, say = os.pipe()
        if word is None:
            os.close(hear)
        else:
            os.write(say, word)

        with pytest.raises(OSError, match="must close no file that it did not open"):
            stopping.goes_on(msgspec.structs.replace(JOB, pipes=(pipes.ask, hear)))

        for descriptor in (say, *(() if word is None else (hear,))):
            os.close(descriptor)


def test_a_parent_that_is_gone():
    """
    Where the parent has ended, the search ends as well.
    """
    with stopping.pipes() as pipes:
        hear, say = os.pipe()
        os.close(say)

        with pytest.raises(EOFError, match="found the run gone"):
            stopping.goes_on(msgspec.structs.replace(JOB, pipes=(pipes.ask, hear)))

        os.close(hear)
