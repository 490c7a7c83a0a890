"""A text that has nothing to do with pictures, written for this project: what the language model
makes of it must not change when a connector is loaded."""

PROSE = """\
The harbour town wakes early. Long before the sun is up, the bakers light their ovens and the first
boats leave the quay with their lamps still burning. Whoever walks along the wall at that hour can
hear the ropes knocking against the masts and, from somewhere behind the market, a radio that plays
the same three songs every morning.

By seven o'clock the fish has been sold. The buyers stand in a half circle, their hands in their
pockets, and nod so slightly that a stranger would think nothing was happening at all. Yet within
twenty minutes every box has an owner, and the trucks are on their way to the city, which lies two
hours inland, beyond the hills.

The school stands at the top of the only steep street. It has four rooms, one teacher for each, and
a yard with a chestnut tree whose roots have lifted the paving stones. In autumn the children fill
their bags with chestnuts and count them on the stairs. The winner is allowed to ring the bell at
noon, a custom that nobody remembers beginning and that nobody would dare to end.

In winter the storms come from the west. People close their shutters, carry wood inside, and wait.
The old men say that the sea takes back what was built too close to it, and in bad years they are
right: part of the pier has been repaired so often that hardly a stone of the first one is left. But
in spring the painters return, the cafés put their tables on the square, and by May one has to look
closely to find where the water stood.

There is a plan to build a railway. Engineers came with instruments, measured for a week, and left
a row of red stakes in the fields. Some of the farmers were angry, others began to calculate what
their land might be worth. The mayor, who is a careful woman, said only that a train needs somebody
who wants to arrive, and that the town should think about that question first.
"""
