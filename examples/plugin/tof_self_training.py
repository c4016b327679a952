"""A recipe for tof-hf: once this package is installed, run files can say `systems: [label_and_repeat]`."""

from tof_hf.algorithm.recipe import recipe
from tof_hf.algorithm.steps import Steps
from tof_hf.stages.stage import Checkpoint


@recipe("Self-training, twice")
def label_and_repeat(do: Steps) -> Checkpoint:
    """A tagger that learns twice from its own labels, without MLM and MRC."""
    tagger = do.ner(do.pretrained)
    for _ in range(2):
        tagger = do.pseudo_ner(tagger, do.label(tagger))
    return tagger
