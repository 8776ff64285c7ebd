"""Help for tests of workflows: what "the same result" means."""

from makespan.testing.same import assert_same, first_difference

__all__ = ["assert_same", "first_difference"]
