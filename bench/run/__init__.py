"""A suite -> its cells -> the tasks of its children -> measurements; how long that takes; and runs made elsewhere."""
