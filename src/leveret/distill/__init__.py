"""Distillation: teachers that are searched and trained side by side, their best subset, what they say, students."""

from leveret.distill._convteachers import ConvTeachers
from leveret.distill._search import Search, SearchOver, Study
from leveret.distill._subset import Subset, best_subset
from leveret.distill._teachers import Teacher, TeacherEnsemble

__all__ = ["ConvTeachers", "Search", "SearchOver", "Study", "Subset", "Teacher", "TeacherEnsemble", "best_subset"]
