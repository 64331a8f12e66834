"""A separate CMake project gets postrider installed, as a subdirectory and by FetchContent, builds two programs with it
and runs them: consume.py SOURCE BUILD COMPILER package|subdirectory|fetched"""

import pathlib
import subprocess
import sys
import tarfile
import tempfile


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    print("$", *command, "\n" + done.stdout)
    if done.returncode != 0:
        sys.exit(f"failed with {done.returncode}")
    return done.stdout


def consume(source, build, compiler, way, folder):
    settings = [f"-DFROM={way}", f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_BUILD_TYPE=Debug"]
    if way == "package":
        run("cmake", "--install", build, "--prefix", folder / "prefix")
        settings.append(f"-DCMAKE_PREFIX_PATH={folder / 'prefix'}")
        exported = [path.read_text() for path in (folder / "prefix").rglob("*.cmake")]
        if any(str(source) in text or str(build) in text for text in exported):
            sys.exit("the installed package points back into the source or build folder")
    elif way == "subdirectory":
        settings.append(f"-DPOSTRIDER_SOURCE={source}")
    else:
        archive = folder / "postrider.tar"
        with tarfile.open(archive, "w") as tar:
            for part in ("CMakeLists.txt", "LICENSE", "cmake", "include"):
                tar.add(source / part, arcname=f"postrider/{part}")
        settings.append(f"-DPOSTRIDER_ARCHIVE={archive}")
    run("cmake", "-S", source / "tests/install/consumer", "-B", folder / "build", "-G", "Ninja", *settings)
    run("cmake", "--build", folder / "build", "-j", "2")
    if "TLS ready" not in run(folder / "build/consumer"):
        sys.exit("the program answers wrongly")
    if "SQLite 3." not in run(folder / "build/consumer_sqlite"):
        sys.exit("the program with SQLite answers wrongly")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        consume(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4], pathlib.Path(temporary))
