"""A synthetic world to learn from: pictures, films, sounds, speech and documents with their truth.

Everything follows from a seed. The parts, each with its own module:

- :mod:`~sensorium_sims.world.scene`, :mod:`~sensorium_sims.world.sampling`: what a scene holds
- :mod:`~sensorium_sims.world.render`, :mod:`~sensorium_sims.world.film`: pictures, films, sound
- :mod:`~sensorium_sims.world.captions`, :mod:`~sensorium_sims.world.questions`,
  :mod:`~sensorium_sims.world.happenings`: words about them
- :mod:`~sensorium_sims.world.prompts`, :mod:`~sensorium_sims.world.judge`: does a picture show
  what a prompt says?
- :mod:`~sensorium_sims.world.speech`, :mod:`~sensorium_sims.world.face`,
  :mod:`~sensorium_sims.world.noise`: spoken captions and commands, talking faces
- :mod:`~sensorium_sims.world.documents`: invoices, forms, tables and pages of columns
"""
