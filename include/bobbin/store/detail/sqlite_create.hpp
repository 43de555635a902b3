#ifndef BOBBIN_STORE_DETAIL_SQLITE_CREATE_HPP
#define BOBBIN_STORE_DETAIL_SQLITE_CREATE_HPP

#include <bobbin/fs/concept.hpp>
#include <bobbin/fs/file.hpp>
#include <bobbin/store/detail/sqlite_core.hpp>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::detail {

/// A file of one directory: where it is and what it is called there.
struct FilePlace {
    std::string directory, name;

    static Result<FilePlace> of(const std::string& path) {
        const auto slash = path.rfind('/');
        FilePlace place{"", path.substr(slash == path.npos ? 0 : slash + 1)};
        if (slash == path.npos)
            place.directory = ".";
        else
            place.directory = slash == 0 ? "/" : path.substr(0, slash);
        const auto& name = place.name;
        if (name.empty() || name == "." || name == ".." || path.find('\0') != path.npos)
            return Error{Errc::invalid_argument, Operation::open};
        return place;
    }
    std::string path_of(const std::string& other) const { return directory + "/" + other; }
};

/// A handle that is closed in the end.
template <FileSystem Fs>
class ScopedHandle {
public:
    ScopedHandle(Fs fs, FileHandle handle) noexcept : fs_{std::move(fs)}, handle_{handle} {}
    ScopedHandle(ScopedHandle&& other) noexcept
        : fs_{other.fs_}
        , handle_{std::exchange(other.handle_, no_file)} {}
    ScopedHandle& operator=(ScopedHandle&&) = delete;
    ~ScopedHandle() {
        if (handle_ != no_file) (void)fs_.close(handle_);
    }
    FileHandle get() const noexcept { return handle_; }
    Result<void> close() noexcept { return fs_.close(std::exchange(handle_, no_file)); }

    static Result<ScopedHandle> directory(Fs fs, const std::string& path) {
        auto handle = fs.open_root(path.c_str(), RootMode::existing);
        if (!handle) return handle.error();
        return ScopedHandle{std::move(fs), *handle};
    }

private:
    Fs fs_;
    FileHandle handle_;
};

inline bool has_name(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
}

template <FileSystem Fs>
class SqliteDiskOn final : public SqliteDisk {
public:
    static Result<std::unique_ptr<SqliteDisk>> open(Fs fs, const std::string& path) {
        auto place = FilePlace::of(path);
        if (!place) return place.error();
        auto directory = ScopedHandle<Fs>::directory(fs, place->directory);
        if (!directory) return directory.error();
        return std::unique_ptr<SqliteDisk>{std::make_unique<SqliteDiskOn>(
            std::move(fs), std::move(*directory), std::move(place->name))};
    }
    SqliteDiskOn(Fs fs, ScopedHandle<Fs> directory, std::string name) noexcept
        : fs_{std::move(fs)}
        , directory_{std::move(directory)}
        , name_{std::move(name)} {}

    Result<void> sync_directory() noexcept override { return fs_.sync_directory(directory_.get()); }
    Result<void> make_journal() override {
        const auto name = name_ + "-journal";
        auto handle = fs_.open_at(directory_.get(), name.c_str(), OpenMode::create_or_write);
        if (!handle) return handle.error();
        if (auto ok = fs_.close(*handle); !ok) return ok;
        return sync_directory();
    }
    Result<bool> has_wal() override { return has_file(name_ + "-wal"); }
    Result<bool> has_rollback_journal() override { return has_file(name_ + "-journal"); }

    Result<void> rewrite_wal() override {
        auto handle = fs_.open_at(directory_.get(), (name_ + "-wal").c_str(), OpenMode::write);
        if (!handle) {
            if (handle.error().is_errno(ENOENT)) return {};
            return handle.error();
        }
        File<Fs> file{fs_, *handle};
        std::vector<std::byte> bytes(64 * 1024);
        for (std::uint64_t at = 0;;) {
            auto got = file.read_at(bytes, at);
            if (!got) return got.error();
            if (*got == 0) return at == 0 ? Result<void>{} : file.sync().result();
            if (auto wrote = file.write_at(std::span{bytes}.first(*got), at); !wrote) return wrote;
            at += *got;
        }
    }
    Result<void> make_reserve(Bytes size) override {
        const auto space = fs_.space(directory_.get());
        if (!space) return space.error();
        auto handle =
            fs_.open_at(directory_.get(), reserve_name().c_str(), OpenMode::create_or_write);
        if (!handle) return handle.error();
        File<Fs> file{fs_, *handle};
        const auto status = file.status();
        if (!status) return status.error();
        if (status->size == size) return {};
        const auto has = std::min(status->size, size);
        if (space->available < size - has) return Error::system(ENOSPC, Operation::create);
        const std::vector<std::byte> zeros(static_cast<std::size_t>((size - has).value));
        auto wrote = file.truncate(has);
        if (wrote) wrote = file.write_at(zeros, has.value);
        if (wrote) wrote = file.sync().result();
        if (!wrote) (void)file.truncate(has);
        return wrote;
    }
    void release_reserve(Bytes keep) noexcept override {
        auto handle = fs_.open_at(directory_.get(), reserve_name().c_str(), OpenMode::write);
        if (!handle) return;
        File<Fs> file{fs_, *handle};
        const auto status = file.status();
        if (status && status->size > keep) (void)file.truncate(keep);
    }

private:
    Result<bool> has_file(const std::string& name) {
        const auto names = fs_.list(directory_.get());
        if (!names) return names.error();
        return has_name(*names, name);
    }
    std::string reserve_name() const { return name_ + "-reserve"; }

    Fs fs_;
    ScopedHandle<Fs> directory_;
    std::string name_;
};

/// Makes the file under a temporary name, whole, so that a crash leaves all of it or nothing.
inline Result<void> fill_database(const std::string& path, const SqliteOptions& options) {
    auto opened =
        SqliteConnection::open(path, "unix", SqliteConnection::Access::write, options.busy_timeout);
    if (!opened) return opened.error();
    auto& db = **opened;
    // Nobody needs what is half done, and we sync the file ourselves.
    for (const auto& [name, value] : {std::pair{"page_size", "4096"},
                                      {"encoding", "'UTF-8'"},
                                      {"journal_mode", "memory"},
                                      {"synchronous", "0"}})
        if (auto ok = db.execute(std::string{"pragma "} + name + "=" + value, Operation::create);
            !ok)
            return ok;
    if (auto ok = create_tables(db, options.make_uuid()); !ok) return ok;
    return migrate(db, options.schema, true, [](SqliteConnection& on) { return on.commit(); });
}

/// Creates the database at `place`, unless another process has done so meanwhile. What a crash left
/// of such an attempt goes. Journals of a database that is no more are put aside: SQLite would play
/// them into the new one.
template <FileSystem Fs>
Result<void> create_database(Fs fs, const FilePlace& place, const SqliteOptions& options) {
    auto opened = ScopedHandle<Fs>::directory(fs, place.directory);
    if (!opened) return opened.error();
    const auto dir = opened->get();
    // One at a time, or the one would rename what the other has begun.
    if (auto ok = fs.lock(dir); !ok) {
        auto error = ok.error();
        error.operation = Operation::create;
        return error;
    }
    const auto names = fs.list(dir);
    if (!names) return names.error();
    if (has_name(*names, place.name)) return {};

    const auto draft = place.name + ".new";
    for (const char* suffix : {"", "-journal", "-wal", "-shm"})
        if (const auto name = draft + suffix; has_name(*names, name))
            if (auto ok = fs.remove(dir, name.c_str()); !ok) return ok;
    for (const char* suffix : {"-journal", "-wal", "-shm"})
        if (const auto name = place.name + suffix; has_name(*names, name))
            if (auto ok = fs.rename(dir, name.c_str(), (name + ".orphan").c_str()); !ok) return ok;

    const auto made = [&]() -> Result<void> {
        {
            // Made here for its mode: 0600, which the journals take over.
            auto handle = fs.open_at(dir, draft.c_str(), OpenMode::create);
            if (!handle) return handle.error();
            if (auto ok = fs.close(*handle); !ok) return ok;
        }
        if (auto ok = fill_database(place.path_of(draft), options); !ok) return ok;
        auto handle = fs.open_at(dir, draft.c_str(), OpenMode::write);
        if (!handle) return handle.error();
        ScopedHandle<Fs> file{fs, *handle};
        if (auto ok = fs.sync(file.get()); !ok) return ok;
        if (auto ok = file.close(); !ok) return ok;
        return fs.rename(dir, draft.c_str(), place.name.c_str());
    }();
    if (!made) {
        (void)fs.remove(dir, draft.c_str());
        return made;
    }
    return fs.sync_directory(dir);
}

}  // namespace bobbin::detail

#endif
