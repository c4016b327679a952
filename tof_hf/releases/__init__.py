"""Data sets as their owners release them, to folders for `load_dataset`: what the scripts in dataset_scripts/ share."""

from tof_hf.releases.command import main
from tof_hf.releases.declaration import CC_BY_SA_4, Licence, RawFile, Release, Task, entities
from tof_hf.releases.tasks import MRC, NER

__all__ = ["CC_BY_SA_4", "MRC", "NER", "Licence", "RawFile", "Release", "Task", "entities", "main"]
