"""What the examples answer, against plain Python over the same data: no sinew on the right-hand side."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sinew import Database, FieldError

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str) -> Callable[..., Iterator[ModuleType]]:
    """A fixture: the example of this name, loaded and filled anew for each test."""

    @pytest.fixture(name=name)
    def filled() -> Iterator[ModuleType]:
        spec = importlib.util.spec_from_file_location(f"{name}_example", EXAMPLES / f"{name}.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        module.fill()
        yield module
        del sys.modules[spec.name]
        for value in vars(module).values():
            if isinstance(value, Database):
                value.close()

    return filled


# ---------------------------------------------------------------- a blog whose categories are a tree

blog_categories = example("blog_categories")


def parents(blog: ModuleType, category: int) -> list[int]:
    above = {key: parent for key, _, parent in blog.CATEGORIES}
    found: list[int] = []
    while (parent := above[found[-1] if found else category]) is not None:
        found.append(parent)
    return found


def test_what_is_above_and_below_a_category(blog_categories: ModuleType) -> None:
    blog = blog_categories
    for key, _, _ in blog.CATEGORIES:
        above = parents(blog, key)
        below = {other for other, _, _ in blog.CATEGORIES if key in parents(blog, other)}
        posts = {post for post, _, _, _, category in blog.POSTS if category in below | {key}}
        assert blog.Category[key].above.pluck(blog.Category.id) == above
        assert set(blog.Category[key].below.pluck(blog.Category.id)) == below
        assert set(blog.Category[key].all_posts.pluck(blog.Post.id)) == posts
        authors = {author for post, _, _, author, _ in blog.POSTS if post in posts}
        assert set(blog.Category[key].authors.pluck(blog.Author.id)) == authors


def test_what_an_author_writes_about(blog_categories: ModuleType) -> None:
    blog = blog_categories
    for key, _, _ in blog.AUTHORS:
        posts = [post for post in blog.POSTS if post[3] == key]
        categories = {category for *_, category in posts if category is not None}
        subjects = categories.union(*(parents(blog, category) for category in categories))
        tags = {tag for post, *_ in posts for tag in blog.TAGGED.get(post, [])}
        latest = max(posts, key=lambda post: post[2], default=None)
        author = blog.Author[key]
        assert set(author.categories.pluck(blog.Category.id)) == categories
        assert set(author.subjects.pluck(blog.Category.id)) == subjects
        assert set(author.tags.pluck(blog.Tag.id)) == tags
        assert (author.latest.id if author.latest else None) == (latest[0] if latest else None)


def test_the_same_asked_from_the_other_end(blog_categories: ModuleType) -> None:
    blog = blog_categories
    written = {(author, category) for _, _, _, author, category in blog.POSTS if category is not None}
    for key, _, _ in blog.CATEGORIES:
        above = {author for author, category in written if key in parents(blog, category)}
        about = above | {author for author, category in written if key == category}
        assert set(blog.Author.where(blog.Author.posts.category.above.id == key).pluck(blog.Author.id)) == above
        assert set(blog.Author.where(blog.Author.subjects.id == key).pluck(blog.Author.id)) == about


def test_moving_a_branch(blog_categories: ModuleType) -> None:
    blog = blog_categories
    blog.moves()
    assert blog.Category[1].above.pluck(blog.Category.title) == ["Garden"]
    assert set(blog.Category[4].all_posts.pluck(blog.Post.id)) == {0, 1, 2, 5}


# ---------------------------------------------------------------- a shop

shop = example("shop")


def bought(shop: ModuleType, user: int) -> list[int]:
    """The products of a user's items, one for each item, in the order of the orders."""
    orders = [key for key, _, _, buyer in shop.ORDERS if buyer == user]
    return [product for order in orders for at, product, _, _ in shop.ITEMS if at == order]


def test_what_users_bought(shop: ModuleType) -> None:
    names = {key: name for key, name, *_ in shop.PRODUCTS}
    days = {key: day for key, day, *_ in shop.ORDERS}
    expected = []
    for user, name, _ in shop.USERS:
        products = list(dict.fromkeys(bought(shop, user)))
        last = {
            product: max(days[order] for order, at, *_ in shop.ITEMS if at == product and user == shop.ORDERS[order][3])
            for product in products
        }
        lately = sorted(products, key=lambda product: (-last[product].toordinal(), names[product]))[:2]
        expected.append((name, [names[key] for key in products], [names[key] for key in lately]))
    assert shop.bought() == expected


def test_what_was_bought_again(shop: ModuleType) -> None:
    items = {user: bought(shop, user) for user, *_ in shop.USERS}
    assert shop.again() == [(name, len(items[key]) - len(set(items[key]))) for key, name, _ in shop.USERS]
    for user, listed in items.items():
        assert shop.User[user].purchases.pluck(shop.Product.id) == listed


def test_revenue_and_what_was_spent(shop: ModuleType) -> None:
    buyer = {order: user for order, _, _, user in shop.ORDERS}
    rows = [
        {
            "name": name,
            "earned": sum(quantity * price for _, product, quantity, price in shop.ITEMS if product == key),
            "buyers": len({buyer[order] for order, product, *_ in shop.ITEMS if product == key}),
        }
        for key, name, *_ in shop.PRODUCTS
    ]
    assert shop.revenue() == sorted(rows, key=lambda row: -row["earned"])
    assert shop.spent() == [
        {
            "name": name,
            "spent": sum(quantity * price for order, _, quantity, price in shop.ITEMS if buyer[order] == user),
            "orders": sum(by == user for by in buyer.values()),
            "last": max((day for _, day, _, by in shop.ORDERS if by == user), default=None),
        }
        for user, name, _ in shop.USERS
    ]


def test_what_is_missing(shop: ModuleType) -> None:
    filled = {order for order, *_ in shop.ITEMS}
    reviewed = {(user, product) for user, product, *_ in shop.REVIEWS}
    users = {key: name for key, name, _ in shop.USERS}
    assert shop.missing() == [
        ("never sold", [name for key, name, *_ in shop.PRODUCTS if key not in {item[1] for item in shop.ITEMS}]),
        ("never ordered", [name for key, name in users.items() if key not in {order[3] for order in shop.ORDERS}]),
        ("an order of nothing", [users[user] for order, _, _, user in shop.ORDERS if order not in filled]),
        (
            "bought, not reviewed",
            [name for key, name in users.items() if {(key, product) for product in bought(shop, key)} - reviewed],
        ),
    ]


def test_whose_latest_order_waits(shop: ModuleType) -> None:
    latest = {user: status for _, _, status, user in sorted(shop.ORDERS, key=lambda order: order[1])}
    assert shop.waiting() == [name for key, name, _ in shop.USERS if latest.get(key) == "open"]


def test_stars(shop: ModuleType) -> None:
    rows = []
    for key, name, *_ in shop.PRODUCTS:
        given = [stars for _, product, stars, _ in shop.REVIEWS if product == key]
        rows.append(
            {"name": name, "stars": sum(given) / len(given) if given else None, "bad": sum(n < 3 for n in given)}
        )
    rows.sort(key=lambda row: (row["stars"] is None, -(row["stars"] or 0), row["name"]))
    assert shop.stars() == rows


def test_an_order_is_placed_whole_or_not_at_all(shop: ModuleType) -> None:
    ann, chair, desk = shop.User[0], shop.Product[1], shop.Product[2]
    with pytest.raises(FieldError, match=r"Product\.stock: its check= refuses -1"):
        shop.place(ann, {chair: 2, desk: 2})
    assert (shop.Order.count(), shop.Item.count(), chair.stock, desk.stock) == (5, 7, 2, 1)
    order = shop.place(ann, {chair: 2, desk: 1})
    assert ann.latest is order and [(item.product, item.price) for item in order.items] == [
        (chair, chair.price),
        (desk, desk.price),
    ]
    assert (chair.stock, desk.stock) == (0, 0)


def test_what_was_sold_is_not_deleted(shop: ModuleType) -> None:
    assert "2 Item by `product`" in shop.withdraw(shop.Product[1])
    assert shop.withdraw(shop.Product[3]).endswith("is gone") and shop.Product.count() == 3


# ---------------------------------------------------------------- a market

market = example("market")


def test_promises(market: ModuleType) -> None:
    labels = dict(market.TAGS)
    assert market.promises() == [
        {
            "shop": name,
            "kept": [labels[tag] for tag in own if tag in of_items],
            "broken": [labels[tag] for tag in own if tag not in of_items],
            "all": [labels[tag] for tag in dict.fromkeys([*own, *of_items])],
        }
        for shop, name in market.SHOPS
        for own in [[tag for at, tag, _ in market.SHOP_TAGS if at == shop]]
        for items in [{item for item, _, at in market.ITEMS if at == shop}]
        for of_items in [[tag for item, tag, _ in market.ITEM_TAGS if item in items]]
    ]


def test_how_often_tags_are_used(market: ModuleType) -> None:
    shops = Counter(tag for _, tag, _ in market.SHOP_TAGS)
    items = Counter(tag for _, tag, _ in market.ITEM_TAGS)
    assert market.usage() == [
        {"label": label, "uses": shops[tag] + items[tag], "shops": shops[tag], "items": items[tag]}
        for tag, label in sorted(market.TAGS, key=lambda tag: (-shops[tag[0]] - items[tag[0]], tag[1]))
    ]


def test_the_strongest_of_each_tag(market: ModuleType) -> None:
    titles = {item: title for item, title, _ in market.ITEMS}
    assert market.strongest() == [
        {"tag": label, "items": [(titles[item], weight) for item, weight in tagged]}
        for tag, label in market.TAGS
        for unordered in [[(item, weight) for item, at, weight in market.ITEM_TAGS if at == tag]]
        for tagged in [sorted(unordered, key=lambda pair: (pair[1] is None, -(pair[1] or 0)))]
    ]


@pytest.mark.parametrize("weight", [0, 7, 8, 100])
def test_kitchenware(market: ModuleType, weight: int) -> None:
    strong = {item for item, tag, w in market.ITEM_TAGS if tag == 2 and w is not None and w >= weight}
    shops = {shop for item, _, shop in market.ITEMS if item in strong}
    assert market.kitchenware(weight) == [
        {
            "items": [title for item, title, _ in market.ITEMS if item in strong],
            "shops": [name for shop, name in market.SHOPS if shop in shops],
        }
    ]


def test_alike(market: ModuleType) -> None:
    marked = {(item, tag) for item, tag, weight in market.ITEM_TAGS if weight}
    for row, (item, title, _) in zip(market.alike(), market.ITEMS, strict=True):
        tags = {tag for at, tag in marked if at == item}
        others = {other for other, tag, _ in market.ITEM_TAGS if tag in tags and other != item}
        assert (row["item"], set(row["alike"])) == (title, {market.ITEMS[other][1] for other in others})


def test_handmade(market: ModuleType) -> None:
    assert [(row["kind"], type(row["target"]).__name__, row["target"].id) for row in market.handmade()] == [
        *((0, "Shop", shop) for shop, tag, _ in market.SHOP_TAGS if tag == 1),
        *((1, "Item", item) for item, tag, _ in market.ITEM_TAGS if tag == 1),
    ]


def test_a_shop_that_closes(market: ModuleType) -> None:
    gone = {item for item, _, shop in market.ITEMS if shop == 0}
    maps = [shop for shop, _, _ in market.SHOP_TAGS if shop != 0] + [
        item for item, _, _ in market.ITEM_TAGS if item not in gone
    ]
    assert market.closing() == [
        {"items": [title for item, title, _ in market.ITEMS if item not in gone], "maps": len(maps)}
    ]
    assert {row["kind"] for row in market.handmade()} == {0, 1}


# ---------------------------------------------------------------- users, roles, permissions

permissions = example("permissions")


def allowed(access: ModuleType, user: int, after: int) -> set[int]:
    """What a user may so many days later."""

    def holds(days: int | None) -> bool:
        return days is None or days > after

    granted = {permission for at, permission, days in access.GRANTS if at == user and holds(days)}
    roles = [role for at, role, days in access.MEMBERSHIPS if at == user and holds(days)]
    return granted.union(*(access.ROLE_PERMISSIONS[role] for role in roles))


@pytest.mark.parametrize("days", [-5, -1, 0, 5, 12, 40])
def test_what_users_may(permissions: ModuleType, days: int) -> None:
    access, codes = permissions, dict(permissions.PERMISSIONS)
    access.access.clock.freeze(access.day(days))
    expected = []
    for user, name in access.USERS:
        mine = allowed(access, user, days)
        granted = {permission for at, permission, _ in access.GRANTS if at == user}
        roles = [role for at, role, _ in access.MEMBERSHIPS if at == user]
        by_role = {permission for role in roles for permission in access.ROLE_PERMISSIONS[role]}
        deputies = {one for pair in access.DEPUTIES if user in pair for one in pair} - {user}
        lent = set().union(*(allowed(access, deputy, days) for deputy in deputies)) - mine
        expected.append(
            {
                "user": name,
                "may": [codes[key] for key in sorted(mine)],
                "ever": sorted(codes[key] for key in granted | by_role),
                "twice": [codes[permission] for permission in codes if permission in granted & by_role],
                "lent": [codes[key] for key in sorted(lent)],
            }
        )
    assert access.overview() == expected
    for key, code in codes.items():
        assert access.who_may(code).pluck(access.User.id) == [
            user for user, _ in access.USERS if key in allowed(access, user, days)
        ]


@pytest.mark.parametrize("days", [0, 12, 40])
def test_memberships_that_end(permissions: ModuleType, days: int) -> None:
    access = permissions
    access.access.clock.freeze(access.day(days))
    soon = [(left, user, role) for user, role, left in access.MEMBERSHIPS if left and days < left <= days + 20]
    assert access.ending(20) == [(access.USERS[user][1], access.ROLES[role][1]) for _, user, role in sorted(soon)]
    held = {role for _, role, left in access.MEMBERSHIPS if left is None or left > days}
    assert access.idle_roles() == [title for role, title in access.ROLES if role not in held]


def test_changes_of_roles(permissions: ModuleType) -> None:
    access = permissions
    assert [line.partition(":")[0] for line in access.changes()] == [
        *("attach", "update_pivot", "toggle", "sync", "detach", "update_pivot")
    ]
    rows = access.Membership.where(user=access.User[1]).pluck(access.Membership.role.title, access.Membership.until)
    assert rows == [("editor", access.day(7))]
    assert len(access.Membership.all()) == len(access.MEMBERSHIPS) - 1


# ---------------------------------------------------------------- countries, states, cities

atlas = example("atlas")


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


# ---------------------------------------------------------------- photos and comments

photos = example("photos")


def below(album: ModuleType, *ends: tuple[str, int]) -> set[int]:
    """The comments on these, and whatever is said below them."""
    found: set[int] = set()
    for end in ends:
        on = [key for key, _, _, kind, at in album.COMMENTS if (kind, at) == end]
        found = found.union(on, *(below(album, ("Comment", key)) for key in on))
    return found


def test_what_there_is_of_each_user(photos: ModuleType) -> None:
    expected = []
    for user, name in photos.USERS:
        posts = [post for post, _, author in photos.POSTS if author == user]
        own = [url for _, url, kind, at in photos.PHOTOS if (kind, at) == ("User", user)]
        of_posts = [url for _, url, kind, at in photos.PHOTOS if kind == "Post" and at in posts]
        commented = {at for _, _, author, kind, at in photos.COMMENTS if kind == "Post" and author == user}
        row = {"name": name, "avatar": own[-1] if own else None, "photos": len(own + of_posts)}
        expected.append(row | {"commented": len(commented)})
    assert photos.users() == expected


def test_discussions(photos: ModuleType) -> None:
    author = {key: by for key, _, by, _, _ in photos.COMMENTS}
    expected = []
    for post, title, _ in photos.POSTS:
        direct = [key for key, _, _, kind, at in photos.COMMENTS if (kind, at) == ("Post", post)]
        every = below(photos, ("Post", post))
        voices = {author[key] for key in every} - {None}
        expected.append({"title": title, "comments": len(direct), "discussion": len(every), "voices": len(voices)})
        assert set(photos.Post[post].discussion.pluck(photos.Comment.id)) == every
        assert len(photos.thread(photos.Post[post])) == len(every)
    assert photos.posts() == expected


def test_what_comments_are_on(photos: ModuleType) -> None:
    names = {("Post", post): title for post, title, _ in photos.POSTS}
    names |= {("Photo", photo): url for photo, url, _, _ in photos.PHOTOS}
    names |= {("Comment", comment): text for comment, text, *_ in photos.COMMENTS}
    assert photos.subjects() == [
        {"text": text}
        | {each.lower(): names[kind, at] if each == kind else None for each in ("Post", "Photo", "Comment")}
        for _, text, _, kind, at in photos.COMMENTS
    ]


def test_questions_about_comments(photos: ModuleType) -> None:
    of_post = {post: author for post, _, author in photos.POSTS}
    others = {of_post[at] for _, _, by, kind, at in photos.COMMENTS if kind == "Post" and by != of_post[at]}
    garden = {photo for photo, _, kind, at in photos.PHOTOS if (kind, at) == ("Post", 1)}
    assert photos.questions() == [
        {
            "talked about": [name for user, name in photos.USERS if user in others],
            "of photos": [text for _, text, _, kind, _ in photos.COMMENTS if kind == "Photo"],
            "of Garden's": [text for _, text, _, kind, at in photos.COMMENTS if kind == "Photo" and at in garden],
        }
    ]


@pytest.mark.parametrize("user", [0, 1, 2])
def test_a_user_who_leaves(photos: ModuleType, user: int) -> None:
    posts = {post for post, _, author in photos.POSTS if author == user}
    owners = {("User", user), *(("Post", post) for post in posts)}
    gone = {photo for photo, _, *owner in photos.PHOTOS if tuple(owner) in owners}
    silent = below(photos, *(("Post", post) for post in posts), *(("Photo", photo) for photo in gone))
    names = dict(photos.USERS) | {user: None, None: None}
    assert photos.leaving(photos.User[user]) == [
        {
            "posts": [title for post, title, _ in photos.POSTS if post not in posts],
            "photos": [url for photo, url, *_ in photos.PHOTOS if photo not in gone],
            "comments": [(text, names[by]) for key, text, by, *_ in photos.COMMENTS if key not in silent],
        }
    ]


# ---------------------------------------------------------------- students, courses, enrolments

courses = example("courses")


def passed(campus: ModuleType, student: int) -> set[int]:
    return {course for at, course, _, grade in campus.ENROLMENTS if at == student and grade is not None and grade >= 5}


def required(campus: ModuleType, course: int) -> set[int]:
    after = campus.COURSES[course][4]
    return set() if after is None else {after} | required(campus, after)


def mean(grades: list[int]) -> float | None:
    return sum(grades) / len(grades) if grades else None


def test_how_students_do(courses: ModuleType) -> None:
    expected = []
    for student, name, _ in courses.STUDENTS:
        own = [enrolment for enrolment in courses.ENROLMENTS if enrolment[0] == student]
        graded = [enrolment for enrolment in own if enrolment[3] is not None]
        best = max(graded, key=lambda enrolment: enrolment[3], default=None)
        expected.append(
            {
                "name": name,
                "courses": len({course for _, course, _, _ in own}),
                "tries": len(own),
                "points": sum(courses.COURSES[course][2] for course in passed(courses, student)),
                "average": mean([grade for *_, grade in graded]),
                "best": best and courses.COURSES[best[1]][1],
            }
        )
    assert courses.results() == expected


def test_how_courses_are_passed(courses: ModuleType) -> None:
    rows = []
    for course, title, *_ in courses.COURSES:
        grades = [grade for _, at, _, grade in courses.ENROLMENTS if at == course and grade is not None]
        good = sum(grade >= 7 for grade in grades)
        rows.append({"title": title, "average": mean(grades), "best": max(grades, default=None), "good": good})
    rows.sort(key=lambda row: (row["average"] is None, -(row["average"] or 0), row["title"]))
    assert courses.courses() == rows


def test_transcripts(courses: ModuleType) -> None:
    for student, *_ in courses.STUDENTS:
        entries = [
            (courses.COURSES[course][1], term, grade) for at, course, term, grade in courses.ENROLMENTS if at == student
        ]
        listed = courses.transcript(courses.Student[student])
        assert listed == sorted(entries, key=lambda entry: (entry[1], entry[0]))
        assert len(courses.Student[student].courses) == len(listed)


def test_plans(courses: ModuleType) -> None:
    titles = {course: title for course, title, *_ in courses.COURSES}
    for row, (student, name, school) in zip(courses.plans(), courses.STUDENTS, strict=True):
        taken = {course: grade for at, course, _, grade in courses.ENROLMENTS if at == student}
        untaken = [course for course, _, _, at, _ in courses.COURSES if at == school and course not in taken]
        running = [course for course, grade in taken.items() if grade is None]
        needed = set().union(*(required(courses, course) for course in running))
        done = passed(courses, student)
        assert row == {
            "name": name,
            "untaken": [titles[course] for course in untaken],
            "next": [titles[course] for course in untaken if required(courses, course) <= done],
            "lacking": [titles[course] for course in sorted(needed - done)],
        }


def test_questions_about_students(courses: ModuleType) -> None:
    grades = {
        student: [each[3] for each in courses.ENROLMENTS if each[0] == student] for student, *_ in courses.STUDENTS
    }
    failed = {student for student, given in grades.items() if any(grade is not None and grade < 5 for grade in given)}
    outside = {at for at, course, *_ in courses.ENROLMENTS if courses.COURSES[course][3] != courses.STUDENTS[at][2]}
    assert courses.questions() == [
        {
            "in the end": [name for key, name, _ in courses.STUDENTS if key in failed and passed(courses, key)],
            "never failed": [name for key, name, _ in courses.STUDENTS if grades[key] and key not in failed],
            "outside": [name for key, name, _ in courses.STUDENTS if key in outside],
        }
    ]


def test_courses_do_not_go_in_circles(courses: ModuleType) -> None:
    assert "Course[0] -> Course[2] -> Course[1] -> Course[0]" in courses.circle()
    assert courses.Course[0].after is None
    assert courses.Course[0].opens.pluck(courses.Course.id) == [1, 3, 2]
