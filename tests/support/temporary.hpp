// A fresh directory on a real file system, removed with all that is in it.
#ifndef BOBBIN_TESTS_SUPPORT_TEMPORARY_HPP
#define BOBBIN_TESTS_SUPPORT_TEMPORARY_HPP

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace bobbin_tests {

class TemporaryDirectory {
public:
    // Below the working directory of the test, which is in the build tree.
    explicit TemporaryDirectory(
        const std::filesystem::path& where = std::filesystem::current_path())
        : path_{(where / "bobbin-test-XXXXXX").string()} {
        if (!::mkdtemp(path_.data())) throw std::runtime_error{"cannot make " + path_};
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::string& path() const noexcept { return path_; }
    std::string operator/(const char* name) const { return path_ + '/' + name; }

private:
    std::string path_;
};

}  // namespace bobbin_tests

#endif
