"""Skills of an agent in a grid world: from a goal and what is known to the next few actions.

A skill is geometric: it searches what has been seen. Where a way is barred it asks for another goal
first (:class:`~sensorium_plugins.embodied.subgoal.Needs`), so that a plan grows from the goal
backwards: to open the red door, fetch the red key; to fetch the key, put the ball aside that lies
in the way.
"""

from __future__ import annotations

from sensorium_plugins.embodied.gridmap import (
    AHEAD,
    BOX,
    COLOR_NAMES,
    DOOR,
    EMPTY,
    KEY,
    LOCKED,
    Cell,
    GridMap,
    Seen,
    Thing,
)  # fmt: skip
from sensorium_plugins.embodied.instruction import Described
from sensorium_plugins.embodied.routes import (
    Arrived,
    Route,
    facing,
    find,
    good_for_dropping,
    near,
    unknown_ahead,
)  # fmt: skip
from sensorium_plugins.embodied.subgoal import Answer, Impossible, Needs, Subgoal

_AT_REST = Seen(EMPTY)


class Skills:
    """Plans each subgoal over one map. ``shunned``: things that were tried in vain."""

    def __init__(self, known: GridMap) -> None:
        self.known = known
        self.shunned: set[Thing] = set()

    def plan(self, subgoal: Subgoal) -> Answer:
        """What to do now for a subgoal."""
        match subgoal.skill:
            case "go to":
                return self._face(subgoal)
            case "pick up":
                return self._take(subgoal)
            case "open":
                return self._toggle(subgoal)
            case "put":
                return self._drop_beside(subgoal)
            case "put aside":
                return self._put_aside(subgoal)
            case "unlock":
                return self._unlock(subgoal)

    # --- the instruction's own ------------------------------------------------------------------

    def _face(self, subgoal: Subgoal) -> Answer:
        assert subgoal.thing is not None
        found = self._candidates(subgoal.thing)
        if found and found == [self.known.carried]:
            return Needs(Subgoal("put aside"))
        if found:
            return self._go_to_face(found)
        return self._look_for(subgoal.thing)

    def _take(self, subgoal: Subgoal) -> Answer:
        assert subgoal.thing is not None
        known = self.known
        found = [t for t in self._candidates(subgoal.thing) if t.kind != DOOR]
        if known.carried in found:  # held since before: it must be taken anew
            return Needs(Subgoal("put aside"))
        if not found:
            return self._look_for(subgoal.thing)
        answer = self._go_to_face(found)
        if answer == ():
            return Needs(Subgoal("put aside")) if known.carried else ("pickup",)
        return answer

    def _toggle(self, subgoal: Subgoal) -> Answer:
        assert subgoal.thing is not None
        doors = [t for t in self._candidates(subgoal.thing) if t.kind == DOOR]
        if not doors:  # the wrong door may be a mistake that counts: look before opening one
            route = find(self.known, unknown_ahead(self.known), opening=False)
            return self._told(route) if route is not None else self._look_for(subgoal.thing)
        answer = self._go_to_face(doors)
        if answer != ():
            return answer
        seen = self.known.cells[self.known.front]
        if seen.state == LOCKED and not self._holds_key(seen.color):
            return self._key_for(self.known.front)
        return ("toggle",)

    def _drop_beside(self, subgoal: Subgoal) -> Answer:
        assert subgoal.thing is not None
        assert subgoal.beside is not None
        known = self.known
        if known.carried is None or known.carried not in known.matching(subgoal.thing):
            return Needs(Subgoal("pick up", None, subgoal.thing))
        anchors = [t for t in self._candidates(subgoal.beside) if t is not known.carried]
        if not anchors:
            return self._look_for(subgoal.beside)
        places = {
            place
            for thing in anchors
            if thing.at is not None
            for place in near(known, thing.at)
            if known.cells.get(place) == _AT_REST
        }
        places.discard(known.at)
        route = self._route(facing(places)) if places else None
        if route is None:
            return self._make_room(anchors)
        if isinstance(route, Needs):
            return route
        return (*route.steps, "drop")

    def _make_room(self, anchors: list[Thing]) -> Answer:
        """Nothing can be dropped beside them yet: go and look at them, else through a door."""
        answer = self._go_to_face(anchors)
        if answer != ():
            return answer
        x, y = self.known.at  # at its side already: step away, so that this cell comes free
        room = {(x + dx, y + dy) for dx, dy in AHEAD}
        away = find(self.known, lambda pose: pose[:2] != (x, y) and pose[:2] in room)
        return away.steps if away is not None and away.steps else self._explore(None)

    # --- what they need -------------------------------------------------------------------------

    def _put_aside(self, subgoal: Subgoal) -> Answer:
        """What it holds, or what lies at ``cell``, goes where it is in nobody's way."""
        known = self.known
        if known.carried is None:
            assert subgoal.cell is not None
            route = self._route(facing({subgoal.cell}), clearing=False)
            if route is None or isinstance(route, Needs):
                return route or Impossible(f"no way to what lies at {subgoal.cell}")
            return (*route.steps, "pickup")
        kept = set() if subgoal.cell is None else {subgoal.cell}
        for places in (self._free(kept, tidy=True), self._free(kept, tidy=False)):
            route = find(known, facing(places), clearing=False) if places else None
            if route is not None:
                return (*route.steps, "drop")
        return Impossible("there is no place to put it down")

    def _free(self, kept: set[Cell], *, tidy: bool) -> set[Cell]:
        known = self.known
        if tidy:
            return {place for place in known.cells if good_for_dropping(known, place, kept)}
        return (
            {place for place, seen in known.cells.items() if seen == _AT_REST} - kept - {known.at}
        )

    def _unlock(self, subgoal: Subgoal) -> Answer:
        assert subgoal.cell is not None
        seen = self.known.cells[subgoal.cell]
        if not self._holds_key(seen.color):
            return self._key_for(subgoal.cell)
        route = self._route(facing({subgoal.cell}))
        if route is None or isinstance(route, Needs):
            return route or Impossible(f"no way to the {seen}")
        return (*route.steps, "toggle")

    def _key_for(self, door: Cell) -> Answer:
        color = self.known.cells[door].color
        return Needs(Subgoal("pick up", None, Described("key", COLOR_NAMES[color])))

    def _holds_key(self, color: int) -> bool:
        held = self.known.carried
        return held is not None and (held.kind, held.color) == (KEY, color)

    # --- finding --------------------------------------------------------------------------------

    def _candidates(self, described: Described) -> list[Thing]:
        found = self.known.matching(described)
        return [thing for thing in found if thing not in self.shunned] or found

    def _go_to_face(self, things: list[Thing]) -> Answer:
        places = {thing.at for thing in things if thing.at is not None}
        route = self._route(facing(places))
        if route is None:
            return self._explore(None)
        if isinstance(route, Needs):
            return route
        return route.steps

    def explore(self) -> Answer:
        """On to where something new comes into view, by the shortest way."""
        return self._explore(None)

    def _look_for(self, described: Described) -> Answer:
        room = self.known.start_room() if described.place is not None else None
        return self._explore(room, described)

    def _explore(self, within: set[Cell] | None, wanted: Described | None = None) -> Answer:
        known = self.known
        if within is not None:
            route = find(known, unknown_ahead(known, within))
            if route is not None:
                return self._told(route)
        route = find(known, unknown_ahead(known), keys=self._keys())
        if route is not None:
            return self._told(route)
        locked = [p for p, seen in known.cells.items() if (seen.kind, seen.state) == (DOOR, LOCKED)]
        for door in locked:
            color = known.cells[door].color
            keys = known.matching(Described("key", COLOR_NAMES[color]))
            if keys and find(known, facing({door})) is not None:
                return Needs(Subgoal("unlock", cell=door))
        return self._open_a_box() or Impossible(
            f"{wanted or 'what is sought'} is nowhere to be seen"
        )

    def _open_a_box(self) -> Answer | None:
        """What is sought may be in a box."""
        boxes = {t.at for t in self.known.things if t.kind == BOX and t.at is not None}
        route = find(self.known, facing(boxes)) if boxes else None
        if route is None or route.barrier is not None:
            return None
        return (*route.steps, "toggle")

    def _route(self, arrived: Arrived, *, clearing: bool = True) -> Route | Needs | None:
        route = find(self.known, arrived, clearing=clearing, keys=self._keys())
        if route is None and (door := self._door_between(arrived)) is not None:
            return Needs(Subgoal("unlock", cell=door))
        if route is not None and route.barrier is not None:
            needed = self._cleared(route)
            if needed is not None:
                return needed
        return route

    def _door_between(self, arrived: Arrived) -> Cell | None:
        route = find(self.known, arrived, keys=frozenset(range(len(COLOR_NAMES))))
        if route is None:
            return None
        return route.barrier if route.barrier and self.known.kind(route.barrier) == DOOR else None

    def _told(self, route: Route) -> Answer:
        return self._cleared(route) or route.steps

    def _cleared(self, route: Route) -> Needs | None:
        """What bars the way must go first, once the agent stands before it."""
        if route.barrier is None or route.steps:
            return None
        if self.known.kind(route.barrier) == DOOR:
            return Needs(Subgoal("unlock", cell=route.barrier))
        return Needs(Subgoal("put aside", cell=route.barrier))

    def _keys(self) -> frozenset[int]:
        held = self.known.carried
        return frozenset({held.color} if held is not None and held.kind == KEY else ())
