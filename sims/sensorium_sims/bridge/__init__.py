"""The bridge: a Gymnasium environment as sources and an actuator of an ordinary agent."""
