"""What the setup cell, the exercises and the tables of every lesson rest on."""

import keras
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from aelab import data, lesson


def test_start_loads_seeds_cuts_and_tells(monkeypatch, capsys):
    monkeypatch.setenv("AELAB_DATASET", "glyphs")
    monkeypatch.setenv("AELAB_BUDGET", "quick")
    drawn = []
    for _ in range(2):
        images = lesson.start(seed=5)
        drawn.append((np.random.rand(), float(keras.random.uniform(()))))
    assert drawn[0] == drawn[1]
    assert images.name == "glyphs"
    assert (len(images.x_val), len(images.y_val)) == (400, 400)
    assert (len(images.x_test), len(images.y_test)) == (600, 600)
    told = capsys.readouterr().out
    for part in (keras.backend.backend(), keras.__version__, "quick", "22,000"):
        assert part in told
    assert "numbers in the text are those of MNIST at full budget" in told
    monkeypatch.setenv("AELAB_BUDGET", "full")
    assert len(lesson.start(seed=5).x_test) == 4000


def test_what_no_lesson_could_honour_is_told_at_once(monkeypatch):
    monkeypatch.setenv("AELAB_DATASET", "glyphs")
    other = {"tensorflow": "jax", "jax": "torch", "torch": "tensorflow"}
    with monkeypatch.context() as patched:
        patched.setenv("KERAS_BACKEND", other[keras.backend.backend()])
        with pytest.raises(ValueError, match="restart the kernel"):
            lesson.start(seed=0)
    with monkeypatch.context() as patched:
        patched.setattr(keras.config, "image_data_format", lambda: "channels_first")
        with pytest.raises(ValueError, match="channels last"):
            lesson.start(seed=0)
    with monkeypatch.context() as patched:
        patched.setattr(keras.config, "floatx", lambda: "float16")
        with pytest.raises(ValueError, match=r"float32.*keras\.json"):
            lesson.start(seed=0)
    few = np.zeros((63, 8, 8, 1), "float32")
    labels = np.zeros(63, "int64")
    images = data.Images(few, labels, few, labels, few, labels, (), "few")
    monkeypatch.setattr(lesson.data, "load", lambda: images)
    with pytest.raises(ValueError, match="few, 63 images of 64 pixels"):
        lesson.start(seed=0)
    held_out = few[:11], labels[:11]
    more = np.concatenate([few, few]), np.concatenate([labels, labels])
    images = data.Images(*more, *held_out, *held_out, (), "few")
    monkeypatch.setattr(lesson.data, "load", lambda: images)
    with pytest.raises(ValueError, match=r"at least 12 validation.*with 11 and 11"):
        lesson.start(seed=0)


def test_labels_count_only_where_every_image_has_one(monkeypatch, capsys):
    x = np.zeros((64, 8, 8, 1), "float32")
    sure = np.arange(64) % 2

    def names_of_classes(y, names):
        images = data.Images(x, sure, x, y, x, sure, names, "own")
        monkeypatch.setattr(lesson.data, "load", lambda: images)
        started = lesson.start(seed=0)
        if not started.class_names:
            assert (started.y_train == -1).all()
        return started.class_names

    assert names_of_classes(sure, ("a", "b")) == ("a", "b")
    assert "passed over" not in capsys.readouterr().out
    assert names_of_classes(np.where(sure, 1, -1), ("a", "b")) == ()
    assert "passed over" in capsys.readouterr().out
    assert names_of_classes(sure, ("a",)) == ()


def test_a_stop_of_any_cell_is_one_line(monkeypatch, capsys):
    shell = InteractiveShell()
    monkeypatch.setattr(lesson, "get_ipython", lambda: shell)
    monkeypatch.setenv("AELAB_DATASET", "glyphs")
    lesson.start(seed=0)
    capsys.readouterr()
    result = shell.run_cell("def f():\n    raise KeyboardInterrupt\nf()")
    told = capsys.readouterr().out
    assert isinstance(result.error_in_exec, KeyboardInterrupt)  # later cells wait
    assert "Run the cell again" in told
    assert "Traceback" not in told


def test_budget_chooses_by_name(monkeypatch):
    monkeypatch.setenv("AELAB_BUDGET", "quick")
    sizes = lesson.budget(full={"epochs": 20}, quick={"epochs": 2})
    assert sizes.epochs == 2
    assert not lesson.full()
    monkeypatch.delenv("AELAB_BUDGET")
    assert lesson.budget(full={"epochs": 20}, quick={"epochs": 2}).epochs == 20
    assert lesson.full()
    with pytest.raises(ValueError, match="same names"):
        lesson.budget(full={"epochs": 20}, quick={"n": 2})
    monkeypatch.setenv("AELAB_BUDGET", "medium")
    with pytest.raises(ValueError, match=r"full, quick.*'medium'"):
        lesson.full()


@pytest.fixture(params=["shoes", "fashion_mnist"])
def on_other_images(monkeypatch, request):
    """A notebook's shell in which a lesson has started on images of its own."""
    x = np.zeros((64, 8, 8, 1), "float32")
    y = np.zeros(64, "int64")
    other = data.Images(x, y, x, y, x, y, ("0",), request.param)
    monkeypatch.setattr(lesson.data, "load", lambda: other)
    shell = InteractiveShell()
    monkeypatch.setattr(lesson, "get_ipython", lambda: shell)
    lesson.start(seed=0)
    lesson.start(seed=0)  # A cell that is run twice changes nothing.
    return shell


def test_on_other_images_a_claim_is_told_and_does_not_stop(on_other_images, capsys):
    capsys.readouterr()
    result = on_other_images.run_cell(
        "errors = {'PCA': 0.25}\n"
        "def claim(error):\n"
        "    assert error < errors['PCA'], 'worse'\n"
        "    return 'went on'\n"
        "assert errors['PCA'] == 0.25\n"
        "claim(0.5)"
    )
    assert result.success
    assert result.result == "went on"
    told = capsys.readouterr().out
    assert "Expected on MNIST: error < errors['PCA']\nHere: 0.5000 | 0.2500" in told
    assert told.count("Expected") == 1


def test_on_mnist_and_glyphs_a_claim_stops(monkeypatch):
    shell = InteractiveShell()
    monkeypatch.setattr(lesson, "get_ipython", lambda: shell)
    monkeypatch.setenv("AELAB_DATASET", "glyphs")
    lesson.start(seed=0)
    assert isinstance(shell.run_cell("assert 1 > 2").error_in_exec, AssertionError)


@pytest.mark.parametrize(
    ("answer", "said"), [(None, "open."), (4, "solved."), (5, "not yet. Count again.")]
)
def test_check_says_where_an_exercise_stands(answer, said, capsys):
    lesson.check(2, answer, lambda value: value == 4, "Count again.")
    assert capsys.readouterr().out == f"Exercise 2: {said}\n"


@pytest.mark.parametrize(
    ("found", "said"), [(None, "open."), (True, "solved."), ("No.", "not yet. No.")]
)
def test_a_check_may_say_itself_what_is_wrong(found, said, capsys):
    lesson.check(3, "answer", lambda _: found)
    assert capsys.readouterr().out == f"Exercise 3: {said}\n"


def test_an_answer_of_another_kind_is_told_and_does_not_stop(capsys):
    lesson.check(4, "seven", lambda answer: answer.mean() > 3, "Give an array.")
    told = capsys.readouterr().out
    assert "Exercise 4: not yet. Give an array." in told
    assert "'str' object has no attribute 'mean'" in told


def test_names_of_columns_stay_on_one_line():
    assert len(lesson.Table(("a\nb",), [(1,)])._repr_markdown_().splitlines()) == 3


def test_table_as_text_and_as_markdown():
    rows = [("PCA|32", np.float32(0.016844)), ("two\nlines", 3), ("none", "-")]
    table = lesson.Table(("model", "MSE"), rows)
    assert repr(table).splitlines() == [
        "model      MSE",
        "PCA|32     0.0168",
        "two lines  3",
        "none       -",
    ]
    assert table._repr_markdown_().splitlines() == [
        "| model | MSE |",
        "| --- | --- |",
        r"| PCA\|32 | 0.0168 |",
        "| two lines | 3 |",
        "| none | - |",
    ]
    with pytest.raises(ValueError, match="2 cells"):
        lesson.Table(("a", "b"), [(1,)])


def test_the_machine_is_described():
    told = lesson.describe_machine()
    assert keras.__version__ in told
    assert keras.backend.backend() in told
    assert "float32" in told
