"""Plans: when each node of a graph should start under limited resources, and how good that is."""
