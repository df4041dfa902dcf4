import sys
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def fake_house(monkeypatch):
    """The main job with a recipe that trains in a moment and a packer that packs nothing."""
    import job_fakes

    import leveret.jobs._recipe
    from leveret.jobs import _shrink_job

    packing = ModuleType("leveret.packing")
    packing.pack = lambda net, example, normalization, classes, provenance: job_fakes.FakePacked(
        tuple(example.shape[1:]), classes
    )
    runtime = ModuleType("leveret.runtime")
    runtime.load = job_fakes.load_fake
    for name, module in (("packing", packing), ("runtime", runtime)):
        monkeypatch.setitem(sys.modules, f"leveret.{name}", module)
        monkeypatch.setattr(f"leveret.{name}", module, raising=False)
    monkeypatch.setattr(leveret.jobs._recipe, "recipe_for", job_fakes.recipe_for)
    monkeypatch.setattr(_shrink_job, "_SECONDS", {False: 0.02, True: 0.02})
    monkeypatch.setattr(job_fakes.FakeRecipe, "calls", [])
    monkeypatch.setattr(job_fakes.FakeRecipe, "stop_at", {})
    return job_fakes.FakeRecipe
