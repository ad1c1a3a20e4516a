"""A suite -> its cells -> the tasks of its children -> measurements; and how long that will take."""
