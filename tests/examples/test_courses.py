"""Students, courses, enrolments with grades."""

from __future__ import annotations

from types import ModuleType


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
