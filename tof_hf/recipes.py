"""Algorithm 1 of the paper, its baselines, its reduced forms and its peers: short recipes over the same steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tof_hf.stages.task import Checkpoint
from tof_hf.steps import Steps

Recipe = Callable[[Steps], Checkpoint]


# fmt: off
def tof(do: Steps) -> Checkpoint:
    """Target-oriented fine-tuning: Algorithm 1, line by line."""
    encoder = mlm_and_mrc(do)                                         # lines 1-4
    tagger = do.ner(encoder)                                          # lines 5-6
    pseudo = do.label(tagger)                                         # line 7
    tagger = do.pseudo_ner(tagger, pseudo)                            # lines 8-9
    for i in range(1, do.config.rounds + 1):                          # line 12
        pseudo = do.label(tagger)                                     # lines 10-11 and 17-18
        encoder = do.continual_mrc(tagger, pseudo, round=i)           # lines 13-14
        tagger = do.continual_ner(encoder, pseudo, round=i)           # lines 15-16
    return tagger                                                     # line 21

# fmt: on


def mlm_and_mrc(do: Steps) -> Checkpoint:
    """Lines 1-4; Table 3 has them in the other order too."""
    if do.config.order == "mlm_mrc":
        return do.mrc(do.mlm(do.pretrained))
    return do.mlm(do.mrc(do.pretrained))


def tof_wo_continual(do: Steps) -> Checkpoint:
    """TOF without its rounds: lines 1-9 (Table 1, "w/o continual learning")."""
    tagger = tof_wo_pseudo(do)
    return do.pseudo_ner(tagger, do.label(tagger))


def tof_wo_pseudo(do: Steps) -> Checkpoint:
    """MRC-enhancing alone: lines 1-6 (Table 1, "w/o pseudo data & continual learning"; Tables 2 and 4)."""
    return do.ner(mlm_and_mrc(do))


def adaptabert(do: Steps) -> Checkpoint:
    """Domain tuning, then task tuning (paper 2.2, after Han and Eisenstein 2019)."""
    return adaptabert_translation(do.without_translation())


def adaptabert_translation(do: Steps) -> Checkpoint:
    """AdaptaBERT with translated source sentences in both of its stages (4.4, the paper's own baseline)."""
    return do.ner(do.mlm(do.pretrained))


def source_only(do: Steps) -> Checkpoint:
    """The pretrained encoder fine-tuned on the source alone (BERT-ML in the paper's Table 1)."""
    do = do.without_translation()
    return do.ner(do.pretrained)


def tsl(do: Steps) -> Checkpoint:
    """Teacher-student learning (Wu et al. 2020, ACL): a student learns the teacher's probabilities on target text."""
    do = do.without_translation()
    teacher = do.ner(do.pretrained)
    return do.distil(do.pretrained, do.soft_label([teacher]))


def unitrans(do: Steps) -> Checkpoint:
    """UniTrans (Wu et al. 2020, IJCAI): three teachers vote on hard labels, the last or all of them give soft ones."""
    source = source_only(do)
    translated = do.translated_ner(do.pretrained)
    tuned = do.tuned_ner(source)
    voters = [source, translated, tuned]
    teachers = voters if do.config.distillation.ensemble else [tuned]
    return do.distil(do.pretrained, do.soft_label(teachers, voters))


RECIPES: Mapping[str, Recipe] = {
    "source_only": source_only,
    "adaptabert": adaptabert,
    "adaptabert_translation": adaptabert_translation,
    "tsl": tsl,
    "unitrans": unitrans,
    "tof_wo_pseudo": tof_wo_pseudo,
    "tof_wo_continual": tof_wo_continual,
    "tof": tof,
}
