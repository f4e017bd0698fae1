"""The README's tables are those of the measured numbers."""

import datetime
import os

import pytest

from tools import results

RUN = {
    "date": "2026-11-21",
    "cpu": "Some CPU",
    "cores": 2,
    "backend": "jax",
    "versions": {"keras": "3.15.1", "jax": "0.10.2"},
}


def test_the_readme_is_not_stale():
    assert results.main(["--check"]) == 0, "render it: python -m tools.results"


def test_a_changed_number_makes_the_readme_stale(tmp_path, monkeypatch, capsys):
    quality = {
        "seeds": [0],
        "rows": [
            {
                "model": "PCA",
                "code": 16,
                "parameters": 0,
                "seconds": 0.0,
                "mse": [0.5],
                "psnr": [3.01],
            }
        ],
    }
    readme = tmp_path / "README.md"
    readme.write_text("Before.\n<!-- quality -->\nold\n<!-- /quality -->\nAfter.\n")
    monkeypatch.setattr(results, "README", readme)
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(results, "TABLES", {"quality": results.quality_table})
    assert results.main([]) == 0  # What nobody measured is said to be so.
    assert "\nNot measured yet.\n" in readme.read_text()
    results.record("quality", quality)
    assert results.main(["--check"]) == 1
    assert "python -m tools.results" in capsys.readouterr().out
    assert results.main([]) == 0
    assert results.main(["--check"]) == 0
    assert readme.read_text() == (
        "Before.\n<!-- quality -->\n"
        "| model | code | weights | seconds | test MSE | PSNR (dB) |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| PCA | 16 | - | - | 0.50000 | 3.01 |\n\n"
        "MNIST test set, one seed.\n<!-- /quality -->\nAfter.\n"
    )
    results.record("quality", {**quality, "run": RUN})
    assert results.main([]) == 0
    assert (
        "one seed. Measured 2026-11-21 on Some CPU, 2 cores, with Keras 3.15.1 and "
        "jax 0.10.2.\n"
    ) in readme.read_text()
    readme.write_text("# aelab")
    with pytest.raises(ValueError, match="<!-- quality -->"):
        results.main([])


def test_codes_show_means_over_seeds_and_no_error_where_nothing_is_drawn():
    numbers = {"probe": [0.9, 0.9], "precision": [0.8, 0.8], "clusters": [0.5, 0.7]}
    rows = [
        {"code": "pixels", "size": 784, "epochs": 0, "mse": [None, None], **numbers},
        {"code": "dense", "size": 32, "epochs": 5, "mse": [0.0123, 0.0123], **numbers},
    ]
    facts = {"seeds": [0, 1], "floor": 0.0675, "probe_codes": 1234, "starts": 7}
    text = results.codes_table({**facts, "rows": rows})
    assert "| pixels | 784 | - | - | 0.900 | 0.800 | 0.600 ± 0.141 |" in text
    assert "| dense | 32 | 5 | 0.0123 |" in text
    for note in ("1,234 codes", "7 starts", "2 seeds", "0.0675"):
        assert note in text


def test_speed_compares_all_rows_with_the_loop_that_has_their_schedule():
    row = {"name": "this", "epoch": 0.5, "epoch_ratio": 1.5, "compile": 0.25}
    row |= {"to_target": 2.25, "epochs_to_target": 4.0, "target_ratio": 1.25}
    speed = {"repeats": 3, "epochs": 4, "target": 0.01, "run": RUN}
    speed["limit"] = {"gflop": 62.0, "gflops": 200.0, "seconds": 0.31}
    rows = [{**row, "quality": 0.0101}, {**row, "quality": 0.0099}]
    text = results.speed_table({**speed, "rows": rows})
    assert "| this | 0.50 | 1.50 | 4 | 2.2 | 0.2 | 1.2 |" in text
    for note in ("3 runs", "epochs 2 to 4", "0.0099 to 0.0101", "62% of the limit"):
        assert note in text
    assert "with Keras 3.15.1 and jax 0.10.2." in text


def test_conv_speed_shows_ratio_quality_and_the_least_possible():
    row = {"name": "this", "epoch": 4.0, "epoch_ratio": 1.5, "quality": 0.0712}
    speed = {"repeats": 2, "epochs": 3, "floor": 0.0623, "rows": [row], "run": RUN}
    text = results.speed_conv_table(speed)
    assert "| this | 4.00 | 1.50 | 0.0712 |" in text
    for note in ("2 runs of each", "epochs 2 to 3", "0.0623"):
        assert note in text


def test_spread_is_the_sample_standard_deviation():
    assert results.spread([1.0, 2.0, 3.0], 2) == "2.00 ± 1.00"
    assert results.spread([0.5], 1) == "0.5"


def test_recording_replaces_one_section_and_refuses_what_json_has_not(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results.json")
    results.record("a", 1)
    results.record("b", {"c": 2})
    results.record("a", 3)
    with pytest.raises(ValueError, match="JSON"):
        results.record("a", float("nan"))
    assert results.read() == {"a": 3, "b": {"c": 2}}
    assert list(tmp_path.iterdir()) == [results.RESULTS]


def test_a_run_is_described_by_date_machine_and_versions(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    run = results.describe_run("torch")
    assert run["date"] == datetime.date.today().isoformat()
    assert run["cores"] == os.cpu_count()
    assert run["threads"] == "3"
    assert run["cpu"]
    assert run["backend"] == "torch"
    assert {"keras", "numpy", "scikit-learn"} <= set(run["versions"])
