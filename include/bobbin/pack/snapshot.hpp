#ifndef BOBBIN_PACK_SNAPSHOT_HPP
#define BOBBIN_PACK_SNAPSHOT_HPP

#include <bobbin/pack/pack_index.hpp>
#include <bobbin/pack/tree.hpp>
#include <bobbin/store/sqlite.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// A saved tree, and what is known of the save. Texts are bytes as they were given.
struct Snapshot {
    Uuid id;
    std::int64_t number = 0;  ///< in the order of saving; given by the store
    std::int64_t time = 0;    ///< when the save began: nanoseconds since 1970 UTC
    std::string host{};
    std::string path{};  ///< of the root, absolute
    std::string message{};
    std::vector<std::string> tags{};  ///< none empty, none with a line feed
    TreeEntry root{};
    std::uint64_t files = 0;  ///< names in it that are not directories
    std::uint64_t directories = 0;
    Bytes bytes{};               ///< of all contents
    Bytes added{};               ///< that the store did not have
    std::uint64_t problems = 0;  ///< files that could not be read, or changed meanwhile
    friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

/// The snapshots of a store: a table of its own, written in the transaction that commits the last
/// pack of a save. A pack of which a part was lost brings none.
class SnapshotRows {
public:
    using policy_concept = rows_tag;
    using Transaction = SqliteTransaction;
    struct Facts {
        std::optional<Snapshot> snapshot{};
    };

    static constexpr auto schema = schema_steps(
        "snapshots",
        {"create table snapshot (number integer primary key autoincrement,"
         " id blob not null unique check (length(id) = 16), time_ns integer not null,"
         " host text not null, path text not null, message text not null, tags text not null,"
         " root blob not null, files integer not null, directories integer not null,"
         " bytes integer not null, added integer not null, problems integer not null) strict"});

    Result<void> begin(Transaction&, ObjectId, const Facts&) noexcept { return {}; }
    Result<void> advance(Transaction&, ObjectId, const PackIndex::Counts&) noexcept { return {}; }
    Result<void> commit(Transaction& tx, ObjectId, const PackIndex::Counts& counts,
                        const Facts* facts) {
        if (!facts || !counts.is_complete()) return {};
        return record(tx, *facts);
    }
    Result<void> remove(Transaction&, ObjectId) noexcept { return {}; }
    Facts split(const Facts&, const PackIndex::Counts&, const PackIndex::Counts&) const noexcept {
        return {};
    }

    /// Done once more, it changes nothing.
    Result<void> record(Transaction& tx, const Facts& facts) {
        if (!facts.snapshot) return {};
        const auto& s = *facts.snapshot;
        auto root = encode_root(s.root);
        if (!root) return root.error();
        std::string tags;
        for (const auto& tag : s.tags) tags += tag + '\n';
        return tx.run("insert into snapshot (id, time_ns, host, path, message, tags, root, files,"
                      " directories, bytes, added, problems)"
                      " values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
                      " on conflict (id) do nothing",
                      s.id, s.time, s.host, s.path, s.message, tags, ByteView{*root}, s.files,
                      s.directories, s.bytes, s.added, s.problems);
    }

    /// All of them, in the order of saving.
    /// @errors of the store; `store_invariant`, `tree_malformed`: a row that no save has made
    static Result<std::vector<Snapshot>> list(SqliteReader& from) {
        return bobbin::detail::without_throwing(
            Operation::query, [&]() -> Result<std::vector<Snapshot>> {
                auto statement = from.statement(
                    "select number, id, time_ns, host, path, message, tags, root, files,"
                    " directories, bytes, added, problems from snapshot order by number");
                if (!statement) return statement.error();
                std::vector<Snapshot> all;
                for (;;) {
                    auto more = statement->step();
                    if (!more) return more.error();
                    if (!*more) return all;
                    auto snapshot = read(*statement);
                    if (!snapshot) return snapshot.error();
                    all.push_back(std::move(*snapshot));
                }
            });
    }
    static Result<std::vector<Snapshot>> list(SqliteStore& store) {
        auto reader = store.reader();
        if (!reader) return reader.error();
        return list(*reader);
    }

    /// Those that are gone are passed over.
    static Result<void> remove(Transaction& tx, const Uuid& id) {
        return tx.run("delete from snapshot where id = ?1", id);
    }

private:
    /// A node of one entry.
    static Result<std::vector<std::byte>> encode_root(const TreeEntry& root) {
        TreeEncoder encoder;
        if (auto added = encoder.add(root); !added) return added.error();
        if (auto finished = encoder.finish(); !finished) return finished.error();
        const auto bytes = encoder.take_piece();
        return std::vector<std::byte>(bytes.begin(), bytes.end());
    }

    static Result<TreeEntry> decode_root(ByteView bytes) {
        TreeDecoder decoder;
        if (auto added = decoder.add(bytes); !added) return added.error();
        TreeEntry root{};
        auto got = decoder.next(root);
        if (!got) return got.error();
        TreeEntry second;
        const auto more = decoder.next(second);
        if (!*got || !more || *more || !decoder.is_complete())
            return Error{Errc::tree_malformed, Operation::query};
        return root;
    }

    static Result<Snapshot> read(const SqliteStatement& statement) {
        auto row = statement.row<std::int64_t, Uuid, std::int64_t, std::string_view,
                                 std::string_view, std::string_view, std::string_view, ByteView,
                                 std::uint64_t, std::uint64_t, Bytes, Bytes, std::uint64_t>();
        if (!row) return row.error();
        const auto& [number, id, time, host, path, message, tags, root, files, directories, bytes,
                     added, problems] = *row;
        auto entry = decode_root(root);
        if (!entry) return entry.error();
        Snapshot s{id,
                   number,
                   time,
                   std::string{host},
                   std::string{path},
                   std::string{message},
                   {},
                   std::move(*entry),
                   files,
                   directories,
                   bytes,
                   added,
                   problems};
        for (auto left = tags; !left.empty();) {
            const auto end = left.find('\n');
            if (end == left.npos) return Error{Errc::store_invariant, Operation::query};
            s.tags.emplace_back(left.substr(0, end));
            left.remove_prefix(end + 1);
        }
        return s;
    }
};

}  // namespace bobbin::pack

#endif
