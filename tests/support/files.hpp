#ifndef BOBBIN_TESTS_SUPPORT_FILES_HPP
#define BOBBIN_TESTS_SUPPORT_FILES_HPP

#include <bobbin/file/concept.hpp>
#include <bobbin/fs/directory.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace bobbin_tests {

/// Makes one new file after the other.
template <class Fs>
struct Files {
    explicit Files(const std::string& path, Fs fs = {})
        : directory{*bobbin::FsDirectory<Fs>::open(path, bobbin::RootMode::create_if_missing, fs)} {}
    bobbin::File<Fs> make() { return *directory.create(bobbin::ObjectId{++last}); }
    bobbin::FsDirectory<Fs> directory;
    std::uint64_t last = 0;
};

/// What is in it, whatever wraps it.
template <class F>
std::string read(F& file) {
    std::string text(1'000'000, '?');
    const auto got = bobbin::lowest_layer(file).read_at(std::as_writable_bytes(std::span{text}), 0);
    return got ? text.substr(0, *got) : "error";
}

}  // namespace bobbin_tests

#endif
