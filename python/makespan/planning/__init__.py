"""Planning beyond one kind of worker."""
