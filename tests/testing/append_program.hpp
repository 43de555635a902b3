// A small program that writes files and tells of each when it is safe: correct, or with one step left out.
#ifndef BOBBIN_TESTS_TESTING_APPEND_PROGRAM_HPP
#define BOBBIN_TESTS_TESTING_APPEND_PROGRAM_HPP

#include <bobbin/fs/directory.hpp>
#include <bobbin/testing/failures.hpp>
#include <bobbin/testing/sim_fs.hpp>

#include <string>
#include <vector>

namespace bobbin_tests {

using namespace bobbin;
using namespace bobbin::testing;

struct AppendProgram {
    bool sync_file = true;
    bool sync_directory = true;
    bool retry_sync = false;  // the mistake of syncing again after a failure
    bool in_place = false;    // the mistake of overwriting what was promised
    unsigned files = 3;

    struct Promise {
        std::vector<std::uint32_t> written;
        friend bool operator==(const Promise&, const Promise&) = default;
        std::uint64_t hash() const {
            std::uint64_t h = written.size();
            for (const auto n : written) h = h * 31 + n;
            return h;
        }
    };

    static ObjectId id(std::uint32_t n) { return {StreamId{1}, n}; }
    static std::string content(std::uint32_t n) {
        return std::string(5000, static_cast<char>('a' + n));
    }

    void prepare(SimFs fs) const {
        (void)SimDirectory::open("/sim/data", RootMode::create_if_missing, fs);
    }

    template <class Fs>
    void run(Fs fs, Promise& promise) const {
        auto directory = FsDirectory<Fs>::open("/sim/data", RootMode::existing, fs);
        if (!directory) return;
        for (std::uint32_t n = 1; n <= files; ++n) {
            if (!write(*directory, n)) return;
            promise.written.push_back(n);
            fs.barrier();
        }
        if (!in_place) return;
        auto file = directory->open_to_cut(id(1));
        if (file && file->truncate(Bytes{0})) (void)file->append(as_bytes(content(1)));
    }

    void recover(SimFs fs, const Promise& promise, Failures& failures) const {
        auto directory = SimDirectory::open("/sim/data", RootMode::existing, fs);
        if (!failures.check(directory.has_value(), "the directory is gone")) return;
        for (const auto n : promise.written) {
            auto file = directory->open(id(n));
            if (!failures.check(file.has_value(), "a promised file is gone")) continue;
            std::string text(6000, '\0');
            const auto got = file->read_at(std::as_writable_bytes(std::span{text}), 0);
            text.resize(got ? *got : 0);
            failures.check(text == content(n), "a promised file has other bytes");
        }
    }

private:
    template <class Directory>
    bool write(Directory& directory, std::uint32_t n) const {
        auto file = directory.create(id(n));
        if (!file) return false;
        const auto text = content(n);
        const auto half = as_bytes(text).first(3000), rest = as_bytes(text).subspan(3000);
        for (const auto part : {half, rest}) {
            const auto taken = file->append(part);
            if (!taken || *taken != part.size()) return false;
        }
        if (sync_file) {
            auto fs = directory.fs();
            const bool synced = fs.sync(file->handle()) || (retry_sync && fs.sync(file->handle()));
            if (!synced) return false;
        }
        if (!file->close()) return false;
        return !sync_directory || directory.sync().has_value();
    }
};

}  // namespace bobbin_tests

#endif
