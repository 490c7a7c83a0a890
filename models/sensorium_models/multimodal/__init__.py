"""A large multimodal model: a taught connector between an eye and a language model."""
