"""Distillation: teachers that are searched and trained side by side, their best subset, what they say, students."""

from leveret import _with_torch as _with_torch
from leveret.distill._convteachers import ConvTeachers
from leveret.distill._search import Search, SearchOver, Study
from leveret.distill._sharded import ShardedArray
from leveret.distill._students import ShallowStudents, Student, train_student
from leveret.distill._subset import Subset, best_subset
from leveret.distill._teachers import Teacher, TeacherEnsemble
from leveret.distill._transfer import TransferSet

__all__ = [
    "ConvTeachers",
    "Search",
    "SearchOver",
    "ShallowStudents",
    "ShardedArray",
    "Student",
    "Study",
    "Subset",
    "Teacher",
    "TeacherEnsemble",
    "TransferSet",
    "best_subset",
    "train_student",
]
