"""What all tests share: hypothesis draws the same examples each time, unless it is told to explore."""

import hypothesis

# No deadline: the machines that run the suite are shared, and time is not what a property is about.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
# pytest --hypothesis-profile=explore: new examples each time, and more of them.
hypothesis.settings.register_profile("explore", max_examples=1000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("ci")
