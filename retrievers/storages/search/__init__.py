"""The exact top k: loops, compiled or plain."""
