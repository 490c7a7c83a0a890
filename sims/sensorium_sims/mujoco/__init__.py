"""A table top with cubes to push, in MuJoCo: continuous actions, a camera, words."""
