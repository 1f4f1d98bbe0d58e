"""Students, courses, and enrolments with grades: what a link says, in filters, orders and averages.

    python examples/courses.py

An enrolment is a row of the pivot. Courses may be taken again: the same two records are linked more than once, and each
link is an entry of the collection. Relations through the enrolments have each course once.
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
    RelationError,
    avg,
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

campus = Database()
Rows = list[dict[str, Any]]


class Record(Model, db=campus, abstract=True):
    """The family of models that live in `campus`."""


class School(Record):
    name: Attr[str]
    courses: HasMany[Course] = has_many(inverse=lambda: Course.school)


class Course(Record):
    title: Attr[str]
    points: Attr[int]
    school: BelongsTo[School] = belongs_to()
    after: BelongsTo[Course | None] = belongs_to(default=None, acyclic=True)
    next: HasMany[Course] = has_many(inverse=lambda: Course.after)
    required: HasMany[Course] = has_many(recursive=lambda: Course.after)
    opens: HasMany[Course] = has_many(recursive=lambda: Course.next)
    students: ManyToMany[Student, Enrolment] = many_to_many(inverse=lambda: Student.courses, unique=False)
    enrolments: HasMany[Enrolment] = has_many(inverse=lambda: Enrolment.course)


class Student(Record):
    name: Attr[str]
    school: BelongsTo[School | None] = belongs_to(default=None)
    courses: ManyToMany[Course, Enrolment] = many_to_many(inverse=lambda: Course.students, unique=False)
    enrolments: HasMany[Enrolment] = has_many(inverse=lambda: Enrolment.student)
    tried: HasMany[Course] = has_many(through=lambda: Student.enrolments.course)
    passed: HasMany[Course] = has_many(through=lambda: Student.enrolments.course, where=lambda: Enrolment.grade >= 5)
    running: HasMany[Course] = has_many(
        through=lambda: Student.enrolments.course, where=lambda: Enrolment.grade.is_null()
    )
    best: HasOne[Course | None] = has_one(
        through=lambda: Student.enrolments.course, order_by=lambda: Enrolment.grade.desc()
    )
    untaken: HasMany[Course] = has_many(difference=lambda: (Student.school.courses, Student.courses))
    lacking: HasMany[Course] = has_many(difference=lambda: (Student.running.required, Student.passed))


class Enrolment(Record, index=[("student", "term")]):
    """A student takes a course; the grade, 0 to 10, is None until it is known."""

    student: BelongsTo[Student] = belongs_to()
    course: BelongsTo[Course] = belongs_to()
    term: Attr[int]
    grade: Attr[int | None] = field(default=None, check=lambda grade: 0 <= grade <= 10)


SCHOOLS = [(0, "Science"), (1, "Arts")]
COURSES = [  # id, title, points, school, after
    (0, "Algebra", 6, 0, None),
    (1, "Analysis", 6, 0, 0),
    (2, "Geometry", 4, 0, 1),
    (3, "Optics", 4, 0, 0),
    (4, "Drawing", 3, 1, None),
    (5, "Murals", 3, 1, 4),
]
STUDENTS = [(0, "Ann", 0), (1, "Bob", 0), (2, "Cid", 1), (3, "Dan", None)]
ENROLMENTS = [  # student, course, term, grade
    (0, 0, 1, 9),
    (0, 1, 2, 4),
    (0, 1, 3, 7),
    (0, 1, 4, 8),
    (0, 4, 3, 10),
    (1, 0, 1, 0),
    (1, 0, 2, 5),
    (1, 3, 3, None),
    (1, 2, 3, None),
    (2, 4, 1, None),
    (2, 0, 1, 6),
]


def fill() -> None:
    School.insert_many(SCHOOLS, columns=["id", "name"])
    Course.insert_many(COURSES, columns=["id", "title", "points", "school_id", "after_id"])
    Student.insert_many(STUDENTS, columns=["id", "name", "school_id"])
    Enrolment.insert_many(ENROLMENTS, columns=["student_id", "course_id", "term", "grade"])


def results() -> Rows:
    """How does each student do: courses and tries, points of those passed (each once), average grade, best course?"""
    return Student.select(
        Student.name,
        courses=count(Student.tried),
        tries=count(Student.courses),
        points=sum_(Student.passed.points),
        average=avg(Student.enrolments.grade),
        best=Student.best.title,
    )


def courses() -> Rows:
    """And each course, the ones with the best average first?"""
    return Course.order_by(avg(Course.enrolments.grade).desc(), Course.title).select(
        Course.title,
        average=avg(Course.enrolments.grade),
        best=max_(Course.enrolments.grade),
        good=count(Course.students, Enrolment.grade >= 7),
    )


def transcript(student: Student) -> list[tuple[str, int, int | None]]:
    """What has a student taken, and when? One entry for each enrolment, in the order of a column of the pivot."""
    return student.courses.order_by(Enrolment.term, Course.title).pluck(Course.title, Enrolment.term, Enrolment.grade)


def plans() -> Rows:
    """What is still to be taken, what could be next, and what is missing for what a student takes now?"""
    return [
        {
            "name": student.name,
            "untaken": student.untaken.pluck(Course.title),
            "next": student.untaken.where(~exists(Course.required, Course.id.not_in(done))).pluck(Course.title),
            "lacking": student.lacking.pluck(Course.title),
        }
        for student in Student.all()
        for done in [student.passed.pluck(Course.id)]
    ]


def questions() -> Rows:
    """Who passed after a failure, who never failed, and who takes a course of another school?"""
    failed = exists(Student.enrolments, Enrolment.grade < 5)
    outside = exists(Student.tried, Course.school.id != Student.school.id)
    return [
        {
            "in the end": Student.where(failed, exists(Student.passed)).pluck(Student.name),
            "never failed": Student.where(exists(Student.tried), ~failed).pluck(Student.name),
            "outside": Student.where(outside).pluck(Student.name),
        }
    ]


def circle() -> str:
    """Courses that require each other are refused."""
    try:
        Course[0].after = Course[2]
    except RelationError as refusal:
        return str(refusal)
    return "accepted"


def main() -> None:
    fill()
    for question in (results, courses, plans, questions):
        print(question.__doc__)
        for row in question():
            print("  ", *(f"{name}: {value}" for name, value in row.items()))
    print(f"{transcript.__doc__}\n  ", *transcript(Student[0]))
    print(f"{circle.__doc__}\n   {circle()}")


if __name__ == "__main__":
    main()
