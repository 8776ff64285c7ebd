"""Files of other programs as problems to plan: text in, a problem out."""

from makespan.formats.problem import PlanProblem
from makespan.formats.rcpsp import parse_patterson, parse_psplib

__all__ = ["PlanProblem", "parse_patterson", "parse_psplib"]
