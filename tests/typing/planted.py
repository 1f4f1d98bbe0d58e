"""Mistakes that both checkers must report: each line that ends in `# E`, and no other line.

Checked, not run. Names that are not imported here are models and records of blog.py.
"""

# pyright: strict, reportMissingModuleSource=false

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID, uuid4

from blog import (
    Article,
    Author,
    Comment,
    Document,
    Host,
    Item,
    Order,
    Photo,
    Place,
    Post,
    PostSerializer,
    Product,
    Tag,
    User,
    ann,
    article,
    comment,
    post,
    shop,
    tag,
    users,
)
from sinew import (
    Attr,
    BelongsTo,
    Expr,
    HasMany,
    HasOne,
    Invalid,
    ManyToMany,
    Model,
    Serializer,
    attribute,
    before_create,
    belongs_to,
    count,
    count_of,
    db,
    delegate,
    deleted_at,
    exists,
    field,
    getter,
    has_many,
    has_one,
    many_to_many,
    max_,
    nested,
    now,
    sum_,
    sum_of,
    validates,
)

# ---------------------------------------------------------------- declaring


class Wrong(Model):
    bare_default: Attr[str] = ""  # E
    wrong_default: Attr[str] = field(default=3)  # E
    null_default: Attr[str] = field(default=None)  # E
    wrong_factory: Attr[str] = field(default_factory=datetime.now)  # E
    misspelt_option: Attr[str] = field(uniqe=True)  # E
    unknown_index: Attr[int] = field(index="sorted")  # E
    key_is_no_function: Attr[int] = field(key="x")  # E
    unknown_zone: Attr[datetime] = field(tz="utc")  # E
    dropped: Attr[datetime] = deleted_at()  # E
    target_is_no_model: HasMany[int] = has_many()  # E
    never_none: HasOne[Post] = has_one()  # E
    null_reference: BelongsTo[Author] = belongs_to(default=None)  # E
    dangling: BelongsTo[Author] = belongs_to(enforce=False)  # E
    unknown_action: BelongsTo[Author] = belongs_to(on_delete="explode")  # E
    misspelt_inverse: HasMany[Post] = has_many(inverse=lambda: Post.autor)  # E
    misspelt_through: HasMany[Tag] = has_many(through=lambda: Author.posts.tag)  # E
    condition_is_no_predicate: HasMany[Post] = has_many(where=lambda: Post.title)  # E
    order_is_no_column: HasMany[Post] = has_many(order_by=lambda: Post.author)  # E
    pivot_is_no_model: ManyToMany[Post, int] = many_to_many()  # E
    no_column = delegate(lambda: Post.author)  # E
    no_path = count_of(lambda: Post.title)  # E
    no_number = sum_of(lambda: Author.name)  # E


class WrongKey(Model):
    id: Attr[UUID] = field(primary_key=True, default_factory=uuid4)  # E


class WrongName(Model):
    update: Attr[int] = field(default=0)  # E


class WrongMethods(Model):
    name: Attr[str]

    @validates("name")  # E
    def _no_value(self) -> str:
        return self.name

    @validates("name")  # E
    def _forgot_to_return(self, value: str) -> None: ...

    @validates()  # E
    def _too_many(self, value: str) -> None: ...

    @before_create  # E
    def _returns(self) -> str:
        return self.name

    @classmethod
    def short(cls) -> Expr:
        return cls.nam == "x"  # E

    @getter
    def shout(self) -> str:
        return self.nmae.upper()  # E

    @getter(doc=3)  # E
    def documented(self) -> str:
        return self.name

    @getter(cached=False)  # E
    def counted(self) -> int:
        return 1


# ---------------------------------------------------------------- creating

Author(name="Ann")  # E
Author(name=1, email="x")  # E
Author(name=None, email="x")  # E
Author(name="Ann", email="x", nickname="A")  # E
Author("Ann", email="x")  # E
Post(title="x", author=tag)  # E
Post(title="x", author=None)  # E
Post(title="x", author=ann, comments=[])  # E
Post(title="x", author=ann, tags=[tag])  # E
User(name="x", created_at=datetime.now())  # E
User(name="x", role="admin")  # E
Article(title="x", author_id="1")  # E
Comment(body="x", subject=ann)  # E
Document(id=1, owner=User[1])  # E
Item(order=Order[1], product=Product[1])  # E

# ---------------------------------------------------------------- reading and changing

ann.nmae  # E
ann.full_name()  # E
ann.full_name = "x"  # E
ann.name = 3  # E
ann.name = None  # E
ann.where(name="x")  # E
post.category.title  # E
post.author = None  # E
post.author = tag  # E
comment.subject.title  # E
comment.subject = ann  # E
article.author_id = "x"  # E
Author.find(1).name  # E
Author.frist()  # E
date: str = post.published_at  # E
ann.posts = [tag]  # E
ann.posts.append(tag)  # E
ann.posts.extend(post)  # E
ann.posts.create("x")  # E
ann.posts.atach(post)  # E
ann.posts[0].titel  # E
post.tags.attach(ann)  # E
post.tags.attach([tag, ann])  # E
post.tags.update_pivot(ann, weight=2)  # E
post.tags.detach(post)  # E
post.tags = [post]  # E
[link.wieght for _, link in post.tags.pairs()]  # E
post.delete(froce=True)  # E
post.changes = {}  # E
Author.insert_many([("Ann", "x")])  # E
Invalid(3)  # E

# ---------------------------------------------------------------- querying

Post.where(Post.title == 3)  # E
Post.where(Post.title != None, Post.id == "1")  # E
Post.where(Post.title < 3)  # E
Post.where(3 > Post.title)  # E
Post.where(Post.titel == "x")  # E
Post.where(Post.author.nmae == "x")  # E
Post.where(Post.author.full_name == 3)  # E
Post.where(Post.category.parent.titel == "x")  # E
Post.where(Post.author == ann)  # E
Post.where(Post.author.is_(post))  # E
Post.where(Post.author.in_([post]))  # E
Post.where(Post.author.not_in(ann))  # E
Post.where(Post.author.in_(Post.all()))  # E
Post.where(Post.id.startswith("x"))  # E
Post.where("title = 'x'")  # E
Post.where(Post.title)  # E
Post.where(Post.published)  # E
Post.where(not Post.title.is_null())  # E
Post.where(Author.posts.publishd())  # E
Post.where(lambda p: p.titel == "x")  # E
Post.where(Post.title.like(3))  # E
Post.where(Post.id.matches("x"))  # E
Post.where(Post.title.matches(3))  # E
Post.where(Post.title.matches(re.compile(b"x")))  # E
Post.where(Post.title.matches("x", "i"))  # E
Post.where(Post.title.matches(Post.content))  # E
Post.where(Post.title <= now())  # E
Post.where(Post.title + 1 == 2)  # E
Post.where(Post.published_at + 1 < now())  # E
Order.where(Order.total - "3" > 0)  # E
Order.where(Order.total > "3")  # E
Host.where(Host.address > "10.0.0.1")  # E
Order.where(Order.status == "complete")  # E
Article.where(Article.views.in_(["a"]))  # E
Article.where(Article.views.between(1, "b"))  # E
Post.where(exists(Post.title))  # E
Post.where(exists(Post.comments, Comment.body))  # E
Post.where(exists(Post.comments, body="x"))  # E
Post.where(count(Post.comments))  # E
Post.where(count(Post.comments) == "3")  # E
Post.where(max_(Post.published_at) > 3)  # E
Author.where(sum_(Author.name) > 3)  # E
Comment.where(Comment.subject.of(Photo).title == "x")  # E
Comment.where(Comment.subject.of(int).title == "x")  # E
Comment.where(Comment.subject.is_a("Post"))  # E
Post.order_by(Post.author)  # E
Post.order_by(Post.title.down())  # E
Post.limit("5")  # E
Post.pluck(3)  # E
titles: list[int] = Post.pluck(Post.title)  # E
Post.select(Post.titel)  # E
Author.sum(Author.name)  # E
total: float = Article.avg(Article.views)  # E
Post.group_by(3)  # E
Post.group_by(Post.author).agg(n=Post.title)  # E
Post.first().title  # E
Post.all()[0].titel  # E
Post.all().wher(title="x")  # E
Post.all().append(post)  # E
Place[1].ancestors.first().name  # E

User.include(User.name)  # E
User.include(User.ordres)  # E
User.include(User.orders, User.documents, limit=3)  # E
User.include(User.orders, where=Order.paid)  # E
users[0].name = "x"  # E
users[0].record.nmae  # E
users.to_dict()  # E

# ---------------------------------------------------------------- the rest

db.trasaction()  # E
with db.transaction() as tx:
    tx.rolback()  # E
shop.clock.freeze("tomorrow")  # E
shop.clock.move(3)  # E
PostSerializer.dump(ann)  # E
PostSerializer.dump_many([ann])  # E
PostSerializer.dump_many(post)  # E


class WrongSerializer(Serializer[Post]):
    fields = ("title", 3)  # E
    author = nested(Author)  # E

    @attribute  # E
    def html(self) -> str:
        return ""
