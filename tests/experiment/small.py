"""A small experiment, written and read."""

import yaml

from cadc.experiment import load_experiment

BASE = {
    "title": "A title",
    "common": ["data=synthetic"],
    "seeds": [0, 1],
    "arms": {"full": ["sampler.rate=1"], "few": ["sampler.rate=0.1,0.2,0.5"], "control": ["model=bias"]},
}
ANALYSIS = {"title": "A title", "analysis": {"_target_": "cadc.analyses.inr_image.InrImage", "steps": 7}}


def experiment(folder, **changes):
    (folder / "experiment.yaml").write_text(yaml.safe_dump(BASE | changes, sort_keys=False))
    return load_experiment(str(folder))


def rates(cells, arm):
    words = [dict(word.split("=", 1) for word in cell.overrides) for cell in cells if cell.arm == arm]
    return [word.get("sampler.rate") for word in words]
