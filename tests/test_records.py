"""Records of long runs: what is read, what is run again, what is written."""

import collections
import importlib.util
import json
import re
import types

import numpy as np
import pytest

from aelab import records

CODE = """
import functools
import numpy as np
from aelab import corruption
from sklearn.decomposition import PCA

pca = PCA(1).fit(np.eye(3))
x = np.arange(6.0)
rate = 0.5
layers = {"noise": corruption.AdditiveGaussian(0.5), "arrays": [np.ones(2)]}

@functools.cache
def shift(seed):
    return 1 * seed

def scaled(values, plus=rate * x, *, power=1, times=rate):  # a helper
    return times * values**power + 0 * plus

def study(seed):
    '''The mean of all values, and the values.'''
    runs.append(seed)
    assert layers and pca
    mean = np.mean(x) + shift(seed)
    return {"mean": mean, "curve": scaled(x), "epochs": budget.epochs}
"""


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Function that defines a study by its code, as a notebook would."""
    monkeypatch.setattr(records, "FILE", tmp_path / "records.json")
    monkeypatch.setattr(records, "_new", None)
    monkeypatch.setattr(records, "_read_here", {})
    runs = collections.deque()  # which says nothing about what a study gives
    count = iter(range(1_000))

    def define(code=CODE, **budget):
        path = tmp_path / f"cells_{next(count)}.py"
        path.write_text(code)
        spec = importlib.util.spec_from_file_location("cells", path)
        module = importlib.util.module_from_spec(spec)
        module.runs = runs
        module.budget = types.SimpleNamespace(**{"epochs": 20, "other": 1, **budget})
        spec.loader.exec_module(module)
        return module

    define.runs = runs
    return define


def recorded(define, *seeds):
    records.begin()
    cells = define()
    results = [records.result_of(cells.study, seed=seed) for seed in seeds]
    records.save("09_x")
    records._new = None
    define.runs.clear()
    return results


def test_what_was_recorded_is_read_with_its_date_and_not_run(notebook, capsys):
    first, second = recorded(notebook, 1, 2)
    assert first == {"mean": 3.5, "curve": [0, 0.5, 1, 1.5, 2, 2.5], "epochs": 20}
    assert capsys.readouterr().out == "study(seed=1):\nstudy(seed=2):\n"
    assert records.result_of(notebook().study, seed=2) == second
    assert records.result_of(notebook().study, seed=1) == first
    assert not notebook.runs
    (first, both) = capsys.readouterr().out.splitlines()  # a notebook renews the line
    assert re.fullmatch(r"study: 1 result read, recorded [-\d]+ on a CPU in .*", first)
    assert both.startswith("study: 2 results read, recorded ")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("+ shift", "- shift"),  # the function itself
        ("1 * seed", "2 * seed"),  # one that remembers what it gave
        ("return times * values", "return values * times**2"),  # one that it calls
        ("rate = 0.5", "rate = 0.25"),  # a number that this one uses
        ("arange(6.0)", "arange(6.0)[::-1]"),  # an array, of the same sum
        ("Gaussian(0.5)", "Gaussian(0.6)"),  # a layer
        ("[np.ones(2)]", "[np.zeros(2)]"),
        ("PCA(1)", "PCA(1, whiten=True)"),
        ("np.eye(3)", "np.eye(4)"),  # an estimator that has seen other data
        ("plus=rate * x", "plus=rate * x[::-1]"),  # an argument's default
        ("times=rate", "times=2 * rate"),  # of one that has to be named
    ],
)
def test_another_code_or_other_data_are_run(notebook, old, new):
    recorded(notebook, 1)
    records.result_of(notebook(CODE.replace(old, new)).study, seed=1)
    assert list(notebook.runs) == [1]


def test_another_budget_or_setting_is_run_and_the_rest_does_not_matter(notebook):
    recorded(notebook, 1)
    records.result_of(notebook(epochs=2).study, seed=1)
    records.result_of(notebook().study, seed=3)
    assert list(notebook.runs) == [1, 3]
    notebook.runs.clear()
    commented = CODE.replace("# a helper", "# another word").replace("seed)", "seed )")
    records.result_of(notebook(commented, other=2).study, seed=1)
    assert not notebook.runs


def test_after_begin_everything_is_run_and_replaces_the_lessons_records(notebook):
    recorded(notebook, 1, 2)
    records.begin()
    records.save("08_y")  # of another lesson: nothing is lost
    records.result_of(notebook().study, seed=2)
    assert list(notebook.runs) == [2]
    records.save("09_x")
    kept = json.loads(records.FILE.read_text())
    assert [record["call"] for record in kept["09_x"]] == ["study(seed=2)"]
    assert '"curve": [0.0,0.5,1.0,' in records.FILE.read_text()


def test_what_cannot_be_recorded_is_refused(notebook):
    with pytest.raises(ValueError, match="begin"):
        records.save("09_x")
    cells = notebook(CODE.replace('"epochs": budget.epochs', '"model": object()'))
    with pytest.raises(TypeError, match="Received: object"):
        records.result_of(cells.study, seed=1)


def test_a_result_can_hold_images_of_256_greys(notebook):
    x = np.linspace(0, 1, 2 * 5 * 4).reshape(2, 5, 4, 1)
    text = records.pack(x)
    again = records.unpack(json.loads(json.dumps(text)))
    assert again.shape == x.shape
    assert np.abs(again - x).max() <= 0.5 / 255 + 1e-6
    assert len(records.pack(np.zeros((6, 28, 28, 1)))) < 500  # black costs nothing
    with pytest.raises(ValueError, match=r"\[0, 1\].*1\.5"):
        records.pack(1.5 * x)
