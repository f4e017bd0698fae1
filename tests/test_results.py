"""The README's tables are those of the measured numbers."""

import pytest
import results


def test_readme_is_not_stale():
    text = results.README.read_text("utf-8")
    assert text == results.render(text, results.read()), (
        "render it: python benchmarks/results.py"
    )


def test_a_changed_number_makes_the_readme_stale():
    text, found = results.README.read_text("utf-8"), results.read()
    found["quality"]["rows"][0]["mse"] = [0.5]
    assert "0.50000" in results.render(text, found) != text


def test_conv_speed_shows_ratio_quality_and_floor():
    row = {"name": "this", "epoch": 4.0, "epoch_ratio": 1.5, "quality": 0.0712}
    speed = {"repeats": 2, "epochs": 3, "floor": 0.0623, "rows": [row]}
    text = results.speed_conv_table({"speed_conv": speed})
    assert "| this | 4.00 | 1.50 | 0.0712 |" in text
    assert "2 runs of each" in text
    assert "0.0623" in text


def test_codes_show_means_over_seeds_and_no_error_where_nothing_is_drawn():
    numbers = {"probe": [0.9, 0.9], "precision": [0.8, 0.8], "clusters": [0.5, 0.7]}
    rows = [
        {"code": "pixels", "size": 784, "mse": [None, None], **numbers},
        {"code": "dense", "size": 32, "mse": [0.0123, 0.0123], **numbers},
    ]
    text = results.codes_table(
        {"codes": {"seeds": [0, 1], "floor": 0.0675, "rows": rows}}
    )
    assert "| pixels | 784 | - | 0.900 | 0.800 | 0.600 ± 0.141 |" in text
    assert "| dense | 32 | 0.0123 |" in text
    assert "2 seeds" in text
    assert "0.0675" in text


def test_missing_markers_are_refused():
    with pytest.raises(ValueError, match="<!-- lessons -->"):
        results.render("# aelab", results.read())


def test_spread_is_the_sample_standard_deviation():
    assert results.spread([1.0, 2.0, 3.0], 2) == "2.00 ± 1.00"
    assert results.spread([0.5], 1) == "0.5"


def test_recording_replaces_one_section(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results.json")
    results.record("a", 1)
    results.record("b", {"c": 2})
    results.record("a", 3)
    assert results.read() == {"a": 3, "b": {"c": 2}}
