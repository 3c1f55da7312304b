"""Published models: what is known of each by name, and how their authors' files become ours."""
