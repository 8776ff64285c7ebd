"""Help for tests of workflows: what "the same result" means, slow references, generated workflows.

`makespan.testing.reference` holds the obvious implementations that the fast ones are compared with;
`makespan.testing.workflows` generates workflows and needs hypothesis, so it is imported by those who use it.
"""

from makespan.testing.clock import ManualClock
from makespan.testing.same import assert_same, first_difference

__all__ = ["ManualClock", "assert_same", "first_difference"]
