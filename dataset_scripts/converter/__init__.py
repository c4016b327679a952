"""Data sets as their owners release them, to folders for `load_dataset`: what the scripts in dataset_scripts/ share."""

from .command import main
from .declaration import CC_BY_SA_4, Licence, RawFile, Release, Task, entities
from .tasks import MRC, NER

__all__ = ["CC_BY_SA_4", "MRC", "NER", "Licence", "RawFile", "Release", "Task", "entities", "main"]
