#ifndef BOBBIN_TESTING_CONFORMANCE_FILE_SYSTEM_HPP
#define BOBBIN_TESTING_CONFORMANCE_FILE_SYSTEM_HPP

#include <bobbin/fs/concept.hpp>

#include <array>
#include <cerrno>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::testing::conformance {

namespace detail {

template <FileSystem Fs>
class FileSystemChecks {
public:
    FileSystemChecks(Fs fs, std::string root) : fs_{std::move(fs)}, root_{std::move(root)} {}

    std::vector<std::string> broken;

    void all() {
        refused(fs_.open_root(root_.c_str(), RootMode::existing), ENOENT,
                "a missing root is not made unasked");
        auto made = fs_.open_root(root_.c_str(), RootMode::create_if_missing);
        if (!expect(made.has_value(), "a missing root is made when asked for")) return;
        dir_ = *made;
        opening();
        content();
        names();
        locking();
        pages();
        blocks();
        descriptions();
        wrong_handles();
        const auto again = fs_.open_root(root_.c_str(), RootMode::create_if_missing);
        expect(again && fs_.close(*again), "a root that exists is opened");
        expect(fs_.close(dir_).has_value(), "a directory is closed");
    }

private:
    bool expect(bool held, const char* promise) {
        if (!held) broken.emplace_back(promise);
        return held;
    }
    template <class R>
    void refused(const R& result, int number, const char* promise) {
        expect(!result && result.error().is_errno(number), promise);
    }
    FileHandle open(const char* name, OpenMode mode) {
        const auto handle = fs_.open_at(dir_, name, mode);
        expect(handle.has_value(), "a file is opened");
        return handle ? *handle : no_file;
    }
    bool holds(FileHandle file, std::string_view text) {
        std::string got(text.size() + 1, '?');
        const auto read = fs_.read_at(file, std::as_writable_bytes(std::span{got}), 0);
        return read && got.substr(0, *read) == text;
    }

    void opening() {
        refused(fs_.open_at(dir_, "a", OpenMode::read), ENOENT, "reading makes no file");
        refused(fs_.open_at(dir_, "a", OpenMode::write), ENOENT, "writing makes no file");
        const auto file = open("a", OpenMode::create);
        refused(fs_.open_at(dir_, "a", OpenMode::create), EEXIST, "creation is exclusive");
        const auto again = open("a", OpenMode::create_or_write);
        expect(fs_.write_at(again, as_bytes("abc"), 0).has_value(),
               "an existing file is opened to write");
        expect(holds(file, "abc"), "handles of one file see the same bytes");
        const auto reader = open("a", OpenMode::read);
        refused(fs_.write_at(reader, as_bytes("x"), 0), EBADF,
                "a file opened to read is not written");
        expect(!fs_.truncate(reader, 0), "a file opened to read is not cut");
        for (const auto h : {file, again, reader})
            expect(fs_.close(h).has_value(), "a file is closed");
        const std::string longest(255, 'n'), too_long(256, 'n');
        refused(fs_.open_at(dir_, longest.c_str(), OpenMode::read), ENOENT,
                "a name has up to 255 bytes");
        refused(fs_.open_at(dir_, too_long.c_str(), OpenMode::read), ENAMETOOLONG, "and not more");
    }

    void content() {
        const auto file = open("b", OpenMode::create);
        std::array<std::byte, 8> to{};
        expect(fs_.read_at(file, to, 0).value_or(std::size_t{9}) == 0,
               "an empty file reads as nothing");
        expect(fs_.write_at(file, as_bytes("xyz"), 5).value_or(std::size_t{9}) == 3,
               "a write says how much it took");
        expect(holds(file, std::string_view{"\0\0\0\0\0xyz", 8}), "what was not written is zero");
        expect(fs_.read_at(file, to, 8).value_or(std::size_t{9}) == 0,
               "there is nothing past the end");
        expect(fs_.truncate(file, 6).has_value() && holds(file, std::string_view{"\0\0\0\0\0x", 6}),
               "a file is cut");
        expect(fs_.truncate(file, 8) && holds(file, std::string_view{"\0\0\0\0\0x\0\0", 8}),
               "what was cut off reads as zeros");
        expect(fs_.sync(file).has_value(), "a file is synced");
        const auto status = fs_.status(file);
        expect(status && status->size == Bytes{8} && status->is_regular && !status->is_directory,
               "a file has a status");
        const auto space = fs_.space(file);
        expect(space && space->available <= space->total && space->block.value != 0,
               "space is told");
        expect(fs_.close(file).has_value(), "a file is closed");
    }

    void names() {
        expect(fs_.list(dir_).value_or(std::vector<std::string>{}) ==
                   std::vector<std::string>{"a", "b"},
               "all names are listed in order");
        const auto file = open("b", OpenMode::read);
        expect(fs_.rename(dir_, "a", "b").has_value(), "a name replaces another");
        expect(holds(file, std::string_view{"\0\0\0\0\0x\0\0", 8}),
               "an open file outlives its name");
        const auto renamed = open("b", OpenMode::read);
        expect(holds(renamed, "abc"), "a rename keeps the bytes");
        refused(fs_.rename(dir_, "a", "c"), ENOENT, "a missing name is not renamed");
        expect(fs_.remove(dir_, "b").has_value() && holds(renamed, "abc"),
               "a removed file lives until closed");
        refused(fs_.remove(dir_, "b"), ENOENT, "a name is removed once");
        expect(fs_.list(dir_).value_or(std::vector<std::string>{"?"}).empty(),
               "a removed name is not listed");
        expect(fs_.sync_directory(dir_).has_value(), "a directory is synced");
        const auto status = fs_.status(dir_);
        expect(status && status->is_directory && !status->is_regular, "a directory has a status");
        for (const auto h : {file, renamed}) expect(fs_.close(h).has_value(), "a file is closed");
    }

    void locking() {
        const auto first = open("lock", OpenMode::create_or_write),
                   second = open("lock", OpenMode::create_or_write);
        expect(fs_.lock(first).has_value() && fs_.lock(first).has_value(), "a file is locked");
        const auto locked = fs_.lock(second);
        expect(!locked && locked.error().is(Errc::directory_in_use),
               "a lock is exclusive, within a process as well");
        expect(fs_.close(first) && fs_.lock(second), "closing unlocks");
        expect(fs_.close(second) && fs_.remove(dir_, "lock"),
               "a locked file is closed and removed");
    }

    /// Where a call is not there for this file, that is no broken promise.
    template <class R>
    bool done(const R& result, const char* promise) {
        if (!result && result.error().is(Errc::not_supported)) return false;
        return expect(result.has_value(), promise);
    }

    void pages() {
        const auto file = open("p", OpenMode::create);
        const std::string text(20'000, 'p');
        expect(fs_.write_at(file, as_bytes(text), 0).value_or(std::size_t{0}) == text.size(),
               "a file is written");
        if constexpr (WritesBack<Fs>) {
            if (done(fs_.start_writeback(file, 4096, 8192), "write-back is started"))
                done(fs_.wait_writeback(file, 4096, 8192), "write-back arrives");
            refused(fs_.start_writeback(no_file, 0, 0), EBADF, "a closed handle writes nothing back");
        }
        expect(fs_.sync(file).has_value(), "a file is synced");
        if constexpr (CountsCache<Fs>) {
            const auto status = fs_.cache_status(file, 0, 0);
            if (done(status, "pages are counted"))
                expect(status->cached >= status->dirty + status->writeback &&
                           status->dirty == Bytes{} && status->writeback == Bytes{},
                       "no page is dirty after a sync");
        }
        if constexpr (DropsCache<Fs>) {
            done(fs_.drop_cache(file, 0, 0), "pages are dropped");
            refused(fs_.drop_cache(no_file, 0, 0), EBADF, "a closed handle drops nothing");
        }
        if constexpr (ReadsAhead<Fs>) {
            done(fs_.read_ahead(file, 4096, 1 << 20), "pages past the end are not asked for");
            refused(fs_.read_ahead(no_file, 0, 0), EBADF, "a closed handle reads nothing ahead");
        }
        expect(holds(file, text), "what was dropped is read from the disk");
        if constexpr (WritesUncached<Fs>) {
            const auto wrote = fs_.write_uncached(file, as_bytes("uncached"), 0);
            if (done(wrote, "a file is written past the cache"))
                expect(*wrote == 8 && holds(file, "uncached" + text.substr(8)),
                       "and reads as it was written");
        }
        expect(fs_.close(file) && fs_.remove(dir_, "p"), "a file is closed and removed");
    }

    void blocks() {
        if constexpr (Preallocates<Fs>) {
            const auto file = open("q", OpenMode::create);
            expect(fs_.write_at(file, as_bytes("xyz"), 0).has_value(), "a file is written");
            if (done(fs_.preallocate(file, 100'000), "blocks are allocated")) {
                const auto status = fs_.status(file);
                expect(status && status->size == Bytes{3}, "blocks do not change the size");
                expect(fs_.truncate(file, 3) && holds(file, "xyz"), "they are given back");
            }
            expect(fs_.close(file) && fs_.remove(dir_, "q"), "a file is closed and removed");
        }
    }

    void descriptions() {
        const auto file = open("r", OpenMode::create);
        expect(fs_.write_at(file, as_bytes("xyz"), 0).has_value(), "a file is written");
        const auto reader = open("r", OpenMode::read);
        if constexpr (Adopts<Fs>) {
            expect(fs_.adopt(file).value_or(Bytes{}) == Bytes{3}, "a handle is taken over");
            refused(fs_.adopt(reader), EBADF, "but not one that only reads");
            refused(fs_.adopt(dir_), EISDIR, "nor a directory");
        }
        if constexpr (KnowsType<Fs>) expect(fs_.type(file).has_value(), "a file system has a type");
        expect(fs_.status(file).value_or(FileStatus{}).links == 1, "a file has a name");
        expect(fs_.remove(dir_, "r").has_value(), "a file is removed");
        expect(fs_.status(file).value_or(FileStatus{}).links == 0, "a removed one has none");
        if constexpr (Reopens<Fs>) {
            const auto again = fs_.reopen(file);
            if (expect(again.has_value(), "a removed file is opened again")) {
                expect(holds(*again, "xyz"), "it is the same file");
                expect(fs_.close(*again).has_value(), "a file is closed");
            }
            const auto directory = fs_.reopen(dir_);
            expect(directory && fs_.sync_directory(*directory) && fs_.close(*directory),
                   "a directory is opened again");
        }
        expect(fs_.close(file) && fs_.close(reader), "a file is closed");
    }

    void wrong_handles() {
        const auto file = open("a", OpenMode::create);
        refused(fs_.open_at(file, "x", OpenMode::read), ENOTDIR, "a file is no directory");
        std::array<std::byte, 8> to{};
        refused(fs_.read_at(dir_, to, 0), EISDIR, "a directory is not read");
        refused(fs_.write_at(dir_, to, 0), EBADF, "a directory is not written");
        expect(fs_.close(file) && fs_.remove(dir_, "a"), "a file is closed and removed");
        refused(fs_.close(file), EBADF, "a handle is closed once");
        refused(fs_.read_at(file, to, 0), EBADF, "a closed handle reads nothing");
        refused(fs_.sync(file), EBADF, "a closed handle syncs nothing");
        refused(fs_.status(file), EBADF, "a closed handle has no status");
    }

    Fs fs_;
    std::string root_;
    FileHandle dir_ = no_file;
};

}  // namespace detail

/// Checks what `FileSystem` promises and a compiler can't see. `root` must not exist yet, but the
/// directory above it; it is left behind empty. No other thread may open files meanwhile.
/// Returns one line for each broken promise: none is a pass.
template <FileSystem Fs>
std::vector<std::string> file_system(Fs fs, std::string root) {
    detail::FileSystemChecks<Fs> checks{std::move(fs), std::move(root)};
    checks.all();
    return std::move(checks.broken);
}

}  // namespace bobbin::testing::conformance

#endif
