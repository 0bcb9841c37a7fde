"""EAS, the data plane: instances that really run, and the door through which their callers come."""
