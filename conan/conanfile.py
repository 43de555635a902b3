import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load

required_conan_version = ">=2.0"

# The package that each component needs, and what it takes from it.
REQUIREMENTS = {
    "sqlite": ("sqlite3/[>=3.40 <4]", "sqlite3::sqlite3"),
    "fmt": ("fmt/[>=9 <12]", "fmt::fmt"),
    "ranges": ("range-v3/[>=0.12 <1]", "range-v3::range-v3"),
    "openssl": ("openssl/[>=3 <4]", "openssl::crypto"),
    "xxhash": ("xxhash/[>=0.8 <1]", "xxhash::xxhash"),
    "lz4": ("lz4/[>=1.9 <2]", "lz4::lz4"),
    "zstd": ("zstd/[>=1.5 <2]", "zstd::zstdlib"),
}


class BobbinConan(ConanFile):
    name = "bobbin"
    description = "Header-only C++20 library for programs that record"
    license = "BSL-1.0"
    topics = ("storage", "durability", "recording", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {f"with_{name}": [True, False] for name in REQUIREMENTS}
    default_options = {f"with_{name}": name == "sqlite" for name in REQUIREMENTS}
    no_copy_source = True

    def set_version(self):
        cmake = load(self, os.path.join(self.recipe_folder, os.pardir, "CMakeLists.txt"))
        self.version = re.search(r"project\(bobbin VERSION ([0-9.]+)", cmake)[1]

    def export_sources(self):
        root = os.path.join(self.recipe_folder, os.pardir)
        for pattern in ("include/*", "LICENSE"):
            copy(self, pattern, root, self.export_sources_folder)

    def _enabled(self):
        return [name for name in REQUIREMENTS if self.options.get_safe(f"with_{name}")]

    def requirements(self):
        for name in self._enabled():
            self.requires(REQUIREMENTS[name][0], transitive_headers=True)

    def package_id(self):
        self.info.clear()

    def validate(self):
        check_min_cppstd(self, 20)

    def layout(self):
        self.folders.source = "."

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        for pattern in ("*.hpp", "*.cpp"):
            copy(self, pattern, os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "bobbin")
        core = self.cpp_info.components["core"]
        core.set_property("cmake_target_name", "bobbin::bobbin")
        core.bindirs = core.libdirs = []
        core.system_libs = ["pthread"]
        for name in self._enabled():
            component = self.cpp_info.components[name]
            component.set_property("cmake_target_name", f"bobbin::{name}")
            component.bindirs = component.libdirs = []
            component.requires = ["core", REQUIREMENTS[name][1]]
        if self.options.with_sqlite:
            testing = self.cpp_info.components["testing"]
            testing.set_property("cmake_target_name", "bobbin::testing")
            testing.bindirs = testing.libdirs = []
            testing.requires = ["sqlite"]
