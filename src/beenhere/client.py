"""Ask a server of `beenhere serve`."""
