"""The three environment variables, and the backend."""

import pytest

from aelab import settings


def test_each_variable_has_a_default_and_refuses_what_is_unknown(monkeypatch):
    for name in ("AELAB_BUDGET", "AELAB_DATASET", "AELAB_DATA", "KERAS_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    assert settings.budget() == "full"
    assert settings.backend() == "tensorflow"
    assert settings.dataset() == "auto"
    assert settings.data_folder() is None
    for name in ("AELAB_BUDGET", "AELAB_DATASET", "AELAB_DATA"):
        monkeypatch.setenv(name, "")  # An empty variable is one that is not set.
    assert settings.budget() == "full"
    assert settings.dataset() == "auto"
    assert settings.data_folder() is None
    monkeypatch.setenv("AELAB_BUDGET", "medium")
    with pytest.raises(ValueError, match=r"AELAB_BUDGET.*full, quick.*'medium'"):
        settings.budget()
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    with pytest.raises(ValueError, match=r"KERAS_BACKEND.*tensorflow.*'numpy'"):
        settings.backend()
