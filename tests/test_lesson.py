"""What the setup cell, the exercises and the tables of every lesson rest on."""

import keras
import numpy as np
import pytest

from aelab import lesson


def test_start_loads_seeds_and_tells(monkeypatch, capsys):
    monkeypatch.setenv("AELAB_DATASET", "glyphs")
    monkeypatch.setenv("AELAB_BUDGET", "quick")
    drawn = []
    for _ in range(2):
        images, full = lesson.start(seed=5)
        drawn.append(
            np.random.rand(),
        )
        drawn.append(float(keras.random.uniform(())))
    assert not full
    assert images.name == "glyphs"
    assert drawn[:2] == drawn[2:]
    told = capsys.readouterr().out
    for part in (keras.backend.backend(), keras.__version__, "quick", "22,000"):
        assert part in told


def test_budget_refuses_unknown_values(monkeypatch):
    monkeypatch.setenv("AELAB_BUDGET", "medium")
    with pytest.raises(ValueError, match=r"full, quick.*'medium'"):
        lesson.budget()
    monkeypatch.delenv("AELAB_BUDGET")
    assert lesson.budget() == "full"


@pytest.mark.parametrize(
    ("answer", "said"), [(None, "open."), (4, "solved."), (5, "not yet. Count again.")]
)
def test_check_says_where_an_exercise_stands(answer, said, capsys):
    lesson.check(2, answer, lambda value: value == 4, "Count again.")
    assert capsys.readouterr().out == f"Exercise 2: {said}\n"


def test_table_as_text_and_as_markdown():
    table = lesson.Table(("model", "MSE"), [("PCA", 0.01684), ("none", "-")])
    assert repr(table).splitlines() == ["model  MSE", "PCA    0.0168", "none   -"]
    assert table._repr_markdown_().splitlines() == [
        "| model | MSE |",
        "| --- | --- |",
        "| PCA | 0.0168 |",
        "| none | - |",
    ]


def test_table_refuses_rows_of_another_length():
    with pytest.raises(ValueError, match="2 cells"):
        lesson.Table(("a", "b"), [(1,)])


def test_progress_keeps_the_last_epoch_and_the_seconds(capsys):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", loss="mse")
    progress = lesson.Progress()
    x = np.ones((4, 1))
    model.fit(x, x, epochs=3, verbose=0, callbacks=[progress])
    first, last = capsys.readouterr().out.splitlines()
    assert first == "training ..."
    assert last.startswith("epoch 3 of 3, 0 s: loss ")
    assert progress.seconds > 0
