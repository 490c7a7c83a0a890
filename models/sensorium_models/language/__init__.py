"""Language models behind one request, and the rules that keep their replies to the percepts.

Backends: :mod:`.llama` (GGUF in process), :mod:`.transformers_lm` (any checkpoint),
:mod:`.openai_lm` (any OpenAI-compatible server). Grounding: :mod:`.grounding`. Nothing heavy is
imported until a backend's ``load``.
"""
