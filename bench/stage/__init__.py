"""One child process, from outside (process, cleanup) and from inside (worker, stages)."""
