"""Files of other programs as problems to plan: text in, a problem out."""

from makespan.formats.problem import PlanProblem
from makespan.formats.rcpsp import parse_patterson, parse_psplib
from makespan.formats.reading import read_problem
from makespan.formats.wfformat import TraceMachine, WorkflowTrace, parse_wfformat

__all__ = [
    "PlanProblem",
    "TraceMachine",
    "WorkflowTrace",
    "parse_patterson",
    "parse_psplib",
    "parse_wfformat",
    "read_problem",
]
