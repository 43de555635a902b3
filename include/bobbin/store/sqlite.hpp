#ifndef BOBBIN_STORE_SQLITE_HPP
#define BOBBIN_STORE_SQLITE_HPP

#include <bobbin/fs/posix.hpp>
#include <bobbin/store/concept.hpp>
#include <bobbin/store/detail/sqlite_create.hpp>
#include <bobbin/store/sqlite_reader.hpp>
#include <bobbin/store/sqlite_transaction.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace bobbin {

/// Rows in an SQLite database: one connection for the transactions, a few for readers. A stream's id
/// has 31 bits here, and a size 63. Internally synchronised; must outlive its transactions and
/// readers, which moving it does not disturb.
class SqliteStore {
public:
    using policy_concept = metadata_store_tag;
    using Transaction = SqliteTransaction;
    using Reader = SqliteReader;

    /// Opens the database at `path`, made if there is none and the options say so. Opened for
    /// writing, its open is recorded durably first. `fs` is where SQLite's own files are, too; its
    /// part here is to make the database at once and to sync the directory, whose failure SQLite
    /// ignores.
    /// @errors `locked`: another process has it; `store_mismatch`: not one of ours;
    /// `schema_unknown`: of a newer version; `schema_mismatch`: of another program; corrupt; of the
    /// file system. `describe(error, path)` has words for it.
    /// @allocates
    template <FileSystem Fs = PosixFs>
    static Result<SqliteStore> open(const std::string& path, SqliteOptions options = {},
                                    Fs fs = {}) {
        const auto place = detail::FilePlace::of(path);
        if (!place) return place.error();
        {
            auto directory = detail::ScopedHandle<Fs>::directory(fs, place->directory);
            if (!directory) return directory.error();
            // Not by opening it: closing a file drops all locks that this process has of it.
            const auto names = fs.list(directory->get());
            if (!names) return names.error();
            if (!detail::has_name(*names, place->name)) {
                if (!options.create || options.read_only)
                    return Error::system(ENOENT, Operation::open);
                if (auto ok = detail::create_database(fs, *place, options); !ok) return ok.error();
            }
        }
        auto core = std::make_unique<detail::SqliteCore>(path, options);
        const auto real = core->resolve();
        if (!real) return real.error();
        auto disk = detail::SqliteDiskOn<Fs>::open(std::move(fs), *real);
        if (!disk) return disk.error();
        if (auto ok = core->start(std::move(*disk)); !ok) return ok.error();
        return SqliteStore{std::move(core)};
    }

    /// Waits for the transaction under way, so a thread must have one at a time.
    /// @errors `read_only`; `locked` in shared mode
    Result<Transaction> begin(Durability durability = Durability::hard) noexcept {
        if (is_read_only()) return Error{Errc::read_only, Operation::begin};
        std::unique_lock lock{core_->writing()};
        const auto db = core_->writer();
        if (!db) return db.error();
        if (auto ok = core_->begin(**db, durability); !ok) {
            auto error = ok.error();
            error.operation = Operation::begin;
            return error;
        }
        return Transaction{*core_, std::move(lock), **db};
    }

    /// In exclusive mode.
    bool has_soft_commits() const noexcept { return core_->has_soft_commits(); }

    Uuid uuid() const noexcept { return core_->uuid(); }
    /// Nothing where it is read-only.
    OpenRecord open_record() const noexcept { return core_->open_record(); }
    bool is_read_only() const noexcept { return core_->is_read_only(); }
    const std::string& path() const noexcept { return core_->path(); }

    /// The stream of that name, with the limit that it has; or a new one with these options.
    Result<StreamId> stream(std::string_view name, StreamOptions options = {}) {
        if (auto ok = detail::check_stream_name(name); !ok) return ok.error();
        if (auto ok = detail::check_retention(options.retain); !ok) return ok.error();
        {
            auto from = reader();
            if (!from) return from.error();
            const auto known = from->find_stream(name);
            if (!known) return known.error();
            if (*known) return **known;
        }
        auto t = begin();
        if (!t) return t.error();
        const auto known = detail::find_stream(*t->db_, name);
        if (!known) return known.error();
        if (*known) return **known;
        if (auto ok = t->run("insert into stream (name, retain_bytes) values (?1, ?2)", name,
                             options.retain);
            !ok)
            return ok.error();
        const StreamId id{static_cast<std::uint32_t>(sqlite3_last_insert_rowid(t->db_->handle()))};
        if (auto ok = t->commit(); !ok) return ok.error();
        return id;
    }

    /// A connection for reading, the program's own statements too.
    Result<Reader> reader() { return Reader::make(*core_); }

    Result<std::optional<ObjectRow>> object(ObjectId id) {
        return with_reader([&](Reader& from) { return from.object(id); });
    }
    Result<std::vector<ObjectRow>> objects(StreamId stream, Sequence first, Sequence last) {
        return with_reader([&](Reader& from) { return from.objects(stream, first, last); });
    }
    Result<std::vector<std::byte>> piece_bytes(ObjectId id, PieceKind kind) {
        return with_reader([&](Reader& from) { return from.piece_bytes(id, kind); });
    }
    Result<std::vector<StreamRow>> streams() {
        return with_reader([&](Reader& from) { return from.streams(); });
    }

    /// One line for people, with the path of the database.
    std::string describe(const Error& error) const { return describe(error, path()); }
    static std::string describe(const Error& error, std::string_view path) {
        return detail::describe_sqlite(error, path);
    }

private:
    explicit SqliteStore(std::unique_ptr<detail::SqliteCore> core) noexcept
        : core_{std::move(core)} {}

    template <class F>
    auto with_reader(F&& f) -> std::invoke_result_t<F, Reader&> {
        auto from = reader();
        if (!from) return from.error();
        return f(*from);
    }

    std::unique_ptr<detail::SqliteCore> core_;
};

static_assert(MetadataStore<SqliteStore>);

}  // namespace bobbin

#endif
