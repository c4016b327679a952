"""Algorithm 1 of the paper, its reduced forms, its baselines and its peers: short recipes over the same steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tof_hf.algorithm.recipe import LANGUAGES, RECIPES, published_f1, recipe

if TYPE_CHECKING:
    from tof_hf.algorithm.steps import Steps
    from tof_hf.stages.stage import Checkpoint

__all__ = ["RECIPES"]  # filled by the functions below

HAN_AND_EISENSTEIN = (
    "Han and Eisenstein (2019), Unsupervised Domain Adaptation of Contextualized Embeddings for Sequence Labeling"
)


@recipe("Source only (BERT-ML, BERT)", published=published_f1("76.53 83.35 72.44", benchmarks=LANGUAGES))
def source_only(do: Steps) -> Checkpoint:
    """The pretrained encoder fine-tuned on the source alone (BERT-ML in the paper's Table 1)."""
    do = do.without_translation()
    return do.ner(do.pretrained)


@recipe(
    "AdaptaBERT",
    citation=HAN_AND_EISENSTEIN,
    published=published_f1("75.30 78.52 70.90 75.30 65.61 63.03", "0.30 0.25 0.54 0.37 0.46 0.23"),
    baseline=True,
)
def adaptabert(do: Steps) -> Checkpoint:
    """Domain tuning, then task tuning (paper 2.2, after Han and Eisenstein 2019)."""
    return adaptabert_translation(do.without_translation())


@recipe(
    "AdaptaBERT + translation",
    needs=("dictionary",),
    citation=HAN_AND_EISENSTEIN,
    published=published_f1("76.18 80.30 72.47", "0.13 0.52 0.75", benchmarks=LANGUAGES),
    baseline=True,
)
def adaptabert_translation(do: Steps) -> Checkpoint:
    """AdaptaBERT with translated source sentences in both of its stages (4.4, the paper's own baseline)."""
    return do.ner(do.mlm(do.pretrained))


@recipe(
    "TSL",
    citation="Wu et al. (2020), Single-/Multi-Source Cross-Lingual NER via Teacher-Student Learning on Unlabeled Data "
    "in Target Language",
    published=published_f1("78.00 81.33 75.33", benchmarks=LANGUAGES),
    defaults={"freeze_layers": 3},
)
def tsl(do: Steps) -> Checkpoint:
    """Teacher-student learning (Wu et al. 2020, ACL): a student learns the teacher's probabilities on target text."""
    do = do.without_translation()
    teachers = [one.ner(do.pretrained) for one in do.teachers()]
    return do.distil(do.pretrained, do.soft_label(teachers))


@recipe(
    "UniTrans",
    needs=("dictionary",),
    citation="Wu et al. (2020), UniTrans: Unifying Model Transfer and Data Transfer for Cross-Lingual Named Entity "
    "Recognition with Unlabeled Data",
    published=published_f1("79.31 82.90 74.82", benchmarks=LANGUAGES),
    defaults={"freeze_layers": 3, "decoding": "viterbi"},
)
def unitrans(do: Steps) -> Checkpoint:
    """UniTrans (Wu et al. 2020, IJCAI): three teachers vote on hard labels, the last or all of them give soft ones."""
    source = [source_only(one) for one in do.teachers()]
    translated = [one.translated_ner(do.pretrained) for one in do.teachers()]
    tuned = [one.tuned_ner(start) for one, start in zip(do.teachers(), source, strict=True)]
    teachers = [*source, *translated, *tuned] if do.config.distillation.ensemble else tuned
    return do.distil(do.pretrained, do.soft_label(teachers, [source, translated, tuned]))


@recipe(
    "COFEE-MRC",
    needs=("labels",),
    citation="Xue et al. (2020), Coarse-to-Fine Pre-training for Named Entity Recognition",
    published=published_f1("54.56", benchmarks=("twitter",)),
)
def cofee(do: Steps) -> Checkpoint:
    """Coarse to fine (Xue et al. 2020): any entity, then each type by distant labels, then the source as questions."""
    do = do.without_translation()
    encoder = do.span_mrc(do.pretrained)
    encoder = do.typed_mrc(encoder)
    encoder = do.source_mrc(encoder)
    return do.ner(encoder)


@recipe("Self-training")
def self_training(do: Steps) -> Checkpoint:
    """The source tagger goes on, head and all, with its own labels of the target text and the source beside them."""
    do = do.without_translation()
    tagger, *others = (one.ner(do.pretrained) for one in do.teachers())
    return do.pseudo_ner(tagger, do.label(tagger, *others), use_source=True)


@recipe(
    "TOF w/o pseudo data & w/o continual learning",
    published=published_f1("78.32 80.56 73.61 75.34 66.18 66.45", "1.11 0.35 0.61 0.51 0.17 0.39"),
)
def tof_wo_pseudo(do: Steps) -> Checkpoint:
    """MRC-enhancing alone: lines 1-6 (Table 1, "w/o pseudo data & continual learning"; Tables 2 and 4)."""
    return do.ner(mlm_and_mrc(do))


@recipe(
    "TOF w/o continual learning",
    published=published_f1("79.44 81.64 76.39 75.95 67.13 67.70", "0.08 0.17 0.17 0.38 0.05 0.08"),
)
def tof_wo_continual(do: Steps) -> Checkpoint:
    """TOF without its rounds: lines 1-9 (Table 1, "w/o continual learning")."""
    encoder = mlm_and_mrc(do)
    tagger, *others = (one.ner(encoder) for one in do.teachers())
    return do.pseudo_ner(tagger, do.label(tagger, *others))


# fmt: off
@recipe(
    "TOF",
    full_name="target-oriented fine-tuning (TOF)",
    published=published_f1("80.35 82.79 76.57 76.41 67.94 67.86", "0.29 0.17 0.16 0.5 0.09 0.27"),
)
def tof(do: Steps) -> Checkpoint:
    """Target-oriented fine-tuning: Algorithm 1, line by line."""
    encoder = mlm_and_mrc(do)                                         # lines 1-4
    tagger, *others = (one.ner(encoder) for one in do.teachers())     # lines 5-6
    pseudo = do.label(tagger, *others)                                # line 7
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
