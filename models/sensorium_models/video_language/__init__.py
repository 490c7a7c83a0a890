"""A video-language model: answers, tells and finds what happens in films of the synthetic world."""
