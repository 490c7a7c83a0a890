"""Networks that look at pictures: classes, objects, faces, written text.

Every model here takes requests ``{"image": uint8 (H, W, 3), RGB}`` and answers with plain trees;
boxes are ``x0, y0, x1, y1`` in pixels of the picture that was sent.
"""
