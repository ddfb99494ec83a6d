"""Parts of the installation that pyproject.toml cannot describe: the native engine and the built-in models."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

native = SimpleNamespace(**runpy.run_path("nmt/engine/native/build.py"))


class BuildLibrary(build_ext):
    """Compiles the shared library. Without a working compiler the package installs all the same."""

    def get_ext_filename(self, fullname: str) -> str:
        """Return the path of the library in the package, which has no name of a Python version in it."""
        return str(Path(*fullname.split(".")[:-1], native.LIBRARY))

    def build_extension(self, ext: Extension) -> None:
        """Compile the library to where setuptools expects the extension."""
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            native.build(target.parent)
        except native.BuildError as error:
            self.warn(f"the native engine is left out; ONNX Runtime translates instead.\n{error}")

    def get_outputs(self) -> list[str]:
        """Return the files that exist."""
        return [path for path in super().get_outputs() if Path(path).exists()]

    def copy_extensions_to_source(self) -> None:
        """Copy the library to the source tree for an editable installation, if it was compiled."""
        for ext in self.extensions:
            built = Path(self.build_lib, self.get_ext_filename(ext.name))
            if built.exists():
                shutil.copyfile(built, Path(native.SOURCES).parent / native.LIBRARY)


class BuildPackages(build_py):
    """Copies the built-in models to where `nmt.model_directory.built_in` looks for them."""

    def run(self) -> None:
        """Copy the packages, and unless the installation is editable, the models."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "nmt", "built_in_models", "everyday")
            shutil.copytree("data/everyday", target, dirs_exist_ok=True)


class PlatformWheel(bdist_wheel):
    """Tags wheels with the platform, but not with a version of Python: the library does not use Python's headers."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return the tags of Python, of its binary interface and of the platform."""
        return "py3", "none", super().get_tag()[2]


setup(
    cmdclass={"build_ext": BuildLibrary, "build_py": BuildPackages, "bdist_wheel": PlatformWheel},
    ext_modules=[Extension("nmt.engine.native.library", sources=[])],
    # Compilers of systems without one come from PyPI.
    setup_requires=[] if native.find_compilers() else ["ziglang"],
)
