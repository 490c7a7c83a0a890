"""Text to image by latent diffusion, in the format of ``diffusers`` pipelines."""
