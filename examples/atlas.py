"""Countries, states and cities: totals over two levels, the largest of many, regions within regions, ways over borders.

python examples/atlas.py
"""

from __future__ import annotations

from typing import Any

from sinew import (
    Attr,
    BelongsTo,
    Database,
    HasMany,
    HasOne,
    ManyToMany,
    Model,
    belongs_to,
    count,
    exists,
    field,
    has_many,
    has_one,
    many_to_many,
    max_,
    sum_,
)

atlas = Database()
Rows = list[dict[str, Any]]


class Record(Model, db=atlas, abstract=True):
    """The family of models that live in `atlas`."""

    name: Attr[str]


class Region(Record):
    within: BelongsTo[Region | None] = belongs_to(default=None, acyclic=True)
    parts: HasMany[Region] = has_many(inverse=lambda: Region.within)
    around: HasMany[Region] = has_many(recursive=lambda: Region.within)
    inside: HasMany[Region] = has_many(recursive=lambda: Region.parts)
    own: HasMany[Country] = has_many(inverse=lambda: Country.region)
    countries: HasMany[Country] = has_many(union=lambda: (Region.own, Region.inside.own))
    cities: HasMany[City] = has_many(through=lambda: Region.countries.cities)


class Country(Record):
    region: BelongsTo[Region | None] = belongs_to(default=None)
    states: HasMany[State] = has_many(inverse=lambda: State.country)
    cities: HasMany[City] = has_many(through=lambda: Country.states.cities)
    largest: HasOne[City | None] = has_one(through=lambda: Country.states.cities, order_by=lambda: City.people.desc())
    capital: HasOne[City | None] = has_one(through=lambda: Country.states.cities, where=lambda: City.capital.is_(True))
    neighbours: ManyToMany[Country] = many_to_many(symmetric=True)
    overland: HasMany[Country] = has_many(recursive=lambda: Country.neighbours)


class State(Record):
    country: BelongsTo[Country] = belongs_to(on_delete="cascade")
    cities: HasMany[City] = has_many(inverse=lambda: City.state)


class City(Record):
    people: Attr[int | None]
    capital: Attr[bool] = field(default=False)
    state: BelongsTo[State] = belongs_to(on_delete="cascade")
    country: HasOne[Country | None] = has_one(through=lambda: City.state.country)


REGIONS = [(0, "Earth", None), (1, "Europe", 0), (2, "Scandinavia", 1), (3, "Oceania", 0), (4, "Antarctica", 0)]
COUNTRIES = [
    (0, "Norway", 2),
    (1, "Sweden", 2),
    (2, "Germany", 1),
    (3, "Fiji", 3),
    (4, "Utopia", None),
    (5, "France", 1),
    (6, "Australia", 3),
    (7, "Finland", 2),
]
BORDERS = [(0, 1), (2, 5), (1, 7), (7, 0), (5, 4)]
STATES = [
    (0, "Oslo", 0),
    (1, "Vestland", 0),
    (2, "Skåne", 1),
    (3, "Bavaria", 2),
    (4, "Berlin", 2),
    (5, "Nowhere", 4),
    (6, "Central", 3),
    (7, "Capital Territory", 6),
    (8, "New South Wales", 6),
]
CITIES = [  # id, name, people, capital, state
    (0, "Oslo", 720, True, 0),
    (1, "Bergen", 290, False, 1),
    (2, "Malmö", 360, False, 2),
    (3, "Munich", 1500, False, 3),
    (4, "Nuremberg", 520, False, 3),
    (5, "Berlin", 3700, True, 4),
    (6, "Suva", None, True, 6),
    (7, "Lund", 94, False, 2),
    (8, "Sydney", 5300, False, 8),
    (9, "Canberra", 470, True, 7),
]


def fill() -> None:
    Region.insert_many(REGIONS, columns=["id", "name", "within_id"])
    Country.insert_many(COUNTRIES, columns=["id", "name", "region_id"])
    State.insert_many(STATES, columns=["id", "name", "country_id"])
    City.insert_many(CITIES, columns=["id", "name", "people", "capital", "state_id"])
    for one, other in BORDERS:
        Country[one].neighbours.attach(other)


def countries() -> Rows:
    """How many states, cities and people has each country, and which are its largest city and its capital?"""
    return Country.select(
        Country.name,
        states=count(Country.states),
        cities=count(Country.cities),
        people=sum_(Country.cities.people),
        largest=Country.largest.name,
        capital=Country.capital.name,
    )


def regions() -> Rows:
    """And each region with all that is inside it?"""
    return Region.select(
        Region.name,
        regions=count(Region.inside),
        countries=count(Region.countries),
        cities=count(Region.cities),
        most=max_(Region.cities.people),
    )


def address(city: City) -> str:
    """Up through every level: one has_one through two references, then as many regions as there are."""
    country = city.country
    if country is None or country.region is None:
        return f"{city.name}, nowhere"
    return ", ".join([city.name, country.name, country.region.name, *country.region.around.pluck(Region.name)])


def provincial() -> Rows:
    """Which countries have a city larger than their capital?"""
    return Country.where(Country.largest.people > Country.capital.people).select(
        Country.name, city=Country.largest.name
    )


def empty() -> Rows:
    """Where is nothing?"""
    return [
        {"countries": Country.where(~exists(Country.cities)).pluck(Country.name)},
        {"states": State.where(~exists(State.cities)).pluck(State.name)},
        {"regions": Region.where(~exists(Region.cities)).pluck(Region.name)},
    ]


def overland(country: Country) -> list[tuple[str, int]]:
    """Where does one get from a country over land, and over how many borders? Ways go in circles, the search ends."""
    return [(each.name, borders) for each, borders in country.overland.pairs() if each is not country]


def main() -> None:
    fill()
    for question in (countries, regions, provincial, empty):
        print(question.__doc__)
        for row in question():
            print("  ", *(f"{name}: {value}" for name, value in row.items()))
    print(f"{address.__doc__}\n  ", "\n   ".join(address(city) for city in City.order_by(City.name).limit(4)))
    print(f"{overland.__doc__}\n  ", "\n   ".join(f"{each.name}: {overland(each)}" for each in Country.all()))


if __name__ == "__main__":
    main()
