"""Several interpreters in one process, each with its own lock: each has an engine, a default database and models of its
own."""

from __future__ import annotations

import subprocess
import sys

import pytest

MODELS = """
from sinew import Attr, BelongsTo, HasMany, Model, belongs_to, db, field, getter, has_many, sum_
from datetime import datetime

class Author(Model):
    name: Attr[str]
    born: Attr[datetime] = field(default=datetime(2000, 1, 1))
    posts: HasMany["Post"] = has_many(inverse=lambda: Post.author)

    @getter
    def points(self) -> int:
        return sum(post.points for post in self.posts)

class Post(Model):
    points: Attr[int]
    author: BelongsTo[Author] = belongs_to(on_delete="cascade")

for _ in range(5):
    ann = Author(name="Ann")
    Post.insert_many([{"points": n, "author": ann} for n in range(1000)])
    assert ann.points == 499_500 and ann.born == datetime(2000, 1, 1)
    ann.posts[999].points += 1
    assert ann.points == 499_501 and Post.where(Post.author.name == "Ann").count() == 1000
    db.check()
    ann.delete()
    assert Post.count() == 0
"""

SEVERAL = f"""
import threading
from concurrent import interpreters

models = {MODELS!r}
others = [interpreters.create() for _ in range(3)]
threads = [threading.Thread(target=each.exec, args=(models,)) for each in others]
for thread in threads:
    thread.start()
exec(models)
for thread in threads:
    thread.join()
assert Author.count() == 0
others[0].exec("assert Author.count() == 0; Author(name='Bob')")
others[1].exec("assert Author.count() == 0; Author(name='Bo'); from sinew import db; db.close()")
others[0].exec("assert Author.find(Author.where().one().id).name == 'Bob'")
for each in others:
    each.close()
Author(name="Cid")
assert Author.count() == 1
print("done")
"""


def test_interpreters_share_nothing() -> None:
    pytest.importorskip("concurrent.interpreters")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", SEVERAL], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
