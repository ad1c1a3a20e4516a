"""The harness: runs retrievers over passage sets and records quality, latency and memory."""
