"""What carries nodes out. The serial loop and the workers' loop are native; here are the threads that they run on."""
