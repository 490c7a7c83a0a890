"""Bridges: events to and from other systems. MQTT: ``mqtt_in``, ``mqtt_out``, ``mqtt_actuator``."""
