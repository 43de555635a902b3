#ifndef BOBBIN_STORE_DETAIL_SQLITE_USAGE_HPP
#define BOBBIN_STORE_DETAIL_SQLITE_USAGE_HPP

#include <bobbin/store/detail/checks.hpp>
#include <bobbin/store/detail/sqlite_connection.hpp>

namespace bobbin::detail {

/// What an object's row said so far, as far as usage goes.
struct SqliteBefore {
    DirectoryId directory;
    ObjectState state;
    Share share;
};

inline Result<std::optional<SqliteBefore>> read_before(SqliteConnection& db, ObjectId id) {
    if (!is_object_id(id)) return std::optional<SqliteBefore>{};
    auto select = db.statement("select directory, state, allocated from object where id = ?1");
    if (!select) return select.error();
    const auto found = select->one<DirectoryId, std::uint8_t, Bytes>(id);
    if (!found) return found.error().about(id);
    if (!*found) return std::optional<SqliteBefore>{};
    const auto [directory, number, allocated] = **found;
    const auto state = static_cast<ObjectState>(number);
    return std::optional{SqliteBefore{directory, state, Share::of(state, allocated)}};
}

/// A row of the usage table that is written only if it has changed.
class SqliteUsage {
public:
    static Result<SqliteUsage> read(SqliteConnection& db, StreamId stream, DirectoryId directory) {
        auto select = db.statement(
            "select highest, objects, allocated from usage where stream = ?1 and directory = ?2");
        if (!select) return select.error();
        const auto found = select->one<Sequence, std::uint64_t, Bytes>(stream, directory);
        if (!found) return found.error().about(stream);
        SqliteUsage usage;
        usage.now_.stream = stream;
        usage.now_.directory = directory;
        usage.is_new_ = !found->has_value();
        if (!usage.is_new_)
            std::tie(usage.now_.highest, usage.now_.objects, usage.now_.allocated) = **found;
        usage.was_ = usage.now_;
        return usage;
    }

    UsageRow& row() noexcept { return now_; }

    Result<void> write(SqliteConnection& db) const noexcept {
        if (is_new_)
            return db.run("insert into usage (stream, directory, highest, objects, allocated) "
                          "values (?1, ?2, ?3, ?4, ?5)",
                          now_.stream, now_.directory, now_.highest, now_.objects, now_.allocated);
        if (now_.highest == was_.highest && now_.objects == was_.objects &&
            now_.allocated == was_.allocated)
            return {};
        return db.run("update usage set highest = ?3, objects = ?4, allocated = ?5 "
                      "where stream = ?1 and directory = ?2",
                      now_.stream, now_.directory, now_.highest, now_.objects, now_.allocated);
    }

private:
    UsageRow was_, now_;
    bool is_new_ = false;
};

}  // namespace bobbin::detail

#endif
