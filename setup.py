"""Builds the one extension, `sinew._engine`, from csrc/engine and csrc/binding. Everything else is in pyproject.toml.

The environment chooses the kind of build:

    SINEW_DEBUG=1      asserts on, and the whole store is checked after each statement
    SINEW_TINY=1       the smallest capacities everywhere, so that every growth and every limit is met soon
    SINEW_SANITIZE=1   AddressSanitizer and UndefinedBehaviorSanitizer; asserts on
    SINEW_COVERAGE=1   counts lines and branches for gcov; asserts off: those in CPython's macros would be counted
    SINEW_JOBS=n       compilers at a time (default: one for each processor)
    CFLAGS             added; a -O there replaces ours, and ends link-time optimisation

A release is optimised across files where the compiler and its linker can: the engine keeps its small functions to
itself, and without it each of them is a call.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from glob import glob

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

ENGINE = os.path.join("csrc", "engine", "")
WARNINGS = "-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla".split()
LINK_TIME = ["-flto=auto"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]


def switch(name: str) -> bool:
    return os.environ.get(name, "0") not in ("", "0")


class BuildEngine(build_ext):
    """Compiles the sources side by side, the engine's with the stricter warnings."""

    def links_with(self, flags: list[str]) -> bool:
        """Whether the compiler and the linker take the flags, by trying."""
        folder = os.path.join(self.build_temp, "probe")
        os.makedirs(folder, exist_ok=True)
        source = os.path.join(folder, "probe.c")
        with open(source, "w") as file:
            file.write("int sinew_probe(void);\nint sinew_probe(void) { return 0; }\n")
        try:
            objects = self.compiler.compile([source], output_dir=folder, extra_postargs=[*flags, "-Werror"])
            self.compiler.link_shared_object(objects, os.path.join(folder, "probe.so"), extra_postargs=flags)
        except (CompileError, LinkError):
            return False
        return True

    def build_extension(self, ext: Extension) -> None:
        if "-O3" in ext.extra_compile_args and self.links_with(LINK_TIME):
            ext.extra_compile_args += LINK_TIME
            ext.extra_link_args += ["-O3", *LINK_TIME]
        compile_all = self.compiler.compile
        jobs = int(os.environ.get("SINEW_JOBS") or os.cpu_count() or 1)

        def compile_one(source, options):
            extra = [*options.pop("extra_postargs", []), *(["-Wconversion"] if source.startswith(ENGINE) else [])]
            return compile_all([source], extra_postargs=extra, **options)

        def compile_side_by_side(sources, **options):
            with ThreadPoolExecutor(jobs) as pool:
                objects = pool.map(lambda source: compile_one(source, dict(options)), sources)
                return [name for names in objects for name in names]

        self.compiler.compile = compile_side_by_side
        try:
            super().build_extension(ext)
        finally:
            self.compiler.compile = compile_all


def engine_extension() -> Extension:
    debug, tiny = switch("SINEW_DEBUG"), switch("SINEW_TINY")
    sanitize, coverage = switch("SINEW_SANITIZE"), switch("SINEW_COVERAGE")
    asserts = debug or sanitize
    instruments = (SANITIZERS if sanitize else []) + (["--coverage"] if coverage else [])
    level = [] if "-O" in os.environ.get("CFLAGS", "") else ["-O1" if asserts or coverage else "-O3"]
    return Extension(
        "sinew._engine",
        sources=sorted(glob("csrc/engine/*.c") + glob("csrc/binding/*.c")),
        depends=sorted(glob("csrc/*/*.h")),
        define_macros=[
            *([("SN_DEBUG", "1")] if debug else []),
            *([("SN_TINY", "1")] if tiny else []),
            *([] if asserts else [("NDEBUG", None)]),
        ],
        undef_macros=["NDEBUG"] if asserts else [],
        extra_compile_args=["-std=c11", *level, "-g", "-fvisibility=hidden", *WARNINGS, *instruments],
        extra_link_args=instruments,
    )


setup(ext_modules=[engine_extension()], cmdclass={"build_ext": BuildEngine})
