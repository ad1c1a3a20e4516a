"""What measures, from outside the adapter: latency, load, memory, quality, energy, and under which conditions."""
