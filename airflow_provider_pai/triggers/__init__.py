"""What runs in the triggerer: one await on the shared poller, one event."""
