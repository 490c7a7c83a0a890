"""Drawing and editing pictures when asked."""
