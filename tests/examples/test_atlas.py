"""Countries, states, cities."""

from __future__ import annotations

from types import ModuleType
from typing import Any


def cities_of(atlas: ModuleType, country: int) -> list[tuple[Any, ...]]:
    states = [state for state, _, at in atlas.STATES if at == country]
    return [city for state in states for city in atlas.CITIES if city[4] == state]


def regions_inside(atlas: ModuleType, region: int) -> list[int]:
    parts = [key for key, _, within in atlas.REGIONS if within == region]
    return parts + [each for part in parts for each in regions_inside(atlas, part)]


def test_totals_of_countries(atlas: ModuleType) -> None:
    expected = []
    for country, name, _ in atlas.COUNTRIES:
        cities = cities_of(atlas, country)
        largest = max(cities, key=lambda city: city[2] or 0, default=None)
        capital = next((city for city in cities if city[3]), None)
        expected.append(
            {
                "name": name,
                "states": sum(at == country for _, _, at in atlas.STATES),
                "cities": len(cities),
                "people": sum(city[2] or 0 for city in cities),
                "largest": largest and largest[1],
                "capital": capital and capital[1],
            }
        )
    assert atlas.countries() == expected
    larger = [(row["name"], row["largest"]) for row in expected if row["capital"] and row["largest"] != row["capital"]]
    assert [tuple(row.values()) for row in atlas.provincial()] == larger != []


def test_totals_of_regions(atlas: ModuleType) -> None:
    expected = []
    for region, name, _ in atlas.REGIONS:
        inside = regions_inside(atlas, region)
        countries = [country for country, _, at in atlas.COUNTRIES if at in [region, *inside]]
        cities = [city for country in countries for city in cities_of(atlas, country)]
        expected.append(
            {
                "name": name,
                "regions": len(inside),
                "countries": len(countries),
                "cities": len(cities),
                "most": max((city[2] for city in cities if city[2] is not None), default=None),
            }
        )
    assert atlas.regions() == expected
    assert atlas.empty()[2]["regions"] == [row["name"] for row in expected if not row["cities"]]


def test_addresses(atlas: ModuleType) -> None:
    above = {region: within for region, _, within in atlas.REGIONS}
    for city, name, _, _, state in atlas.CITIES:
        country = atlas.COUNTRIES[atlas.STATES[state][2]]
        line, region = [name, country[1]], country[2]
        while region is not None:
            line.append(atlas.REGIONS[region][1])
            region = above[region]
        assert atlas.address(atlas.City[city]) == ", ".join(line)
    lost = atlas.City(name="Atlantis", people=None, state=atlas.State[5])
    assert atlas.address(lost) == "Atlantis, nowhere"


def test_ways_over_land(atlas: ModuleType) -> None:
    names = {key: name for key, name, _ in atlas.COUNTRIES}
    for country in names:
        borders, edge = {country: 0}, [country]
        while edge:
            edge = [
                other
                for one, other in [*atlas.BORDERS, *(pair[::-1] for pair in atlas.BORDERS)]
                if one in edge and other not in borders
            ]
            borders |= dict.fromkeys(edge, max(borders.values()) + 1)
        found = dict(atlas.overland(atlas.Country[country]))
        assert found == {names[key]: steps for key, steps in borders.items() if steps}


def test_nothing_is_left_of_a_country_that_is_deleted(atlas: ModuleType) -> None:
    gone = {city[0] for city in cities_of(atlas, 0)}
    atlas.Country[0].delete()
    assert set(atlas.City.pluck(atlas.City.id)) == {city[0] for city in atlas.CITIES} - gone
    assert atlas.overland(atlas.Country[1]) == [("Finland", 1)]
