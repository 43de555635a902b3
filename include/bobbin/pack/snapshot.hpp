#ifndef BOBBIN_PACK_SNAPSHOT_HPP
#define BOBBIN_PACK_SNAPSHOT_HPP

#include <bobbin/digest/sha256.hpp>
#include <bobbin/pack/detail/fields.hpp>
#include <bobbin/pack/pack_index.hpp>
#include <bobbin/pack/tree.hpp>
#include <bobbin/store/sqlite.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// A saved tree, and what is known of the save. Texts are bytes as they were given.
struct Snapshot {
    Uuid id{};  ///< given by the store: `SnapshotRows::id_of` all that follows `number`
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

/// All of a store, in the order of saving.
struct Snapshots {
    std::vector<Snapshot> whole;
    std::vector<Uuid> damaged;  ///< whose rows are not what was saved under these ids
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

    /// The first 16 bytes of a SHA-256 of all that the snapshot says (docs/formats.md, “Snapshot”): who
    /// keeps an id knows that it still stands for the same tree.
    /// @errors `tree_malformed`: of the root; `out_of_memory`
    static Result<Uuid> id_of(const Snapshot& s) noexcept {
        return bobbin::detail::without_throwing(Operation::encode, [&]() -> Result<Uuid> {
            auto root = encode_root(s.root);
            if (!root) return root.error();
            return id_of(s, *root);
        });
    }

    /// Done once more, it changes nothing.
    Result<void> record(Transaction& tx, const Facts& facts) {
        if (!facts.snapshot) return {};
        const auto& s = *facts.snapshot;
        auto root = encode_root(s.root);
        if (!root) return root.error();
        return tx.run("insert into snapshot (id, time_ns, host, path, message, tags, root, files,"
                      " directories, bytes, added, problems)"
                      " values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
                      " on conflict (id) do nothing",
                      id_of(s, *root), s.time, s.host, s.path, s.message, lines(s.tags),
                      ByteView{*root}, s.files, s.directories, s.bytes, s.added, s.problems);
    }

    /// @errors of the store
    static Result<Snapshots> list(SqliteReader& from) {
        return bobbin::detail::without_throwing(Operation::query, [&]() -> Result<Snapshots> {
            auto statement = from.statement(
                "select number, id, time_ns, host, path, message, tags, root, files,"
                " directories, bytes, added, problems from snapshot order by number");
            if (!statement) return statement.error();
            Snapshots all;
            for (;;) {
                auto more = statement->step();
                if (!more) return more.error();
                if (!*more) return all;
                if (auto read = take(*statement, all); !read) return read.error();
            }
        });
    }
    static Result<Snapshots> list(SqliteStore& store) {
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

    static std::string lines(const std::vector<std::string>& tags) {
        std::string all;
        for (const auto& tag : tags) all += tag + '\n';
        return all;
    }

    static Uuid id_of(const Snapshot& s, ByteView root) {
        std::vector<std::byte> bytes;
        detail::put_text(bytes, "bobbin snapshot 1");
        detail::put_varint(bytes, detail::zigzag(s.time));
        for (const auto& text : {s.host, s.path, s.message, lines(s.tags)})
            detail::put_text(bytes, text);
        for (const auto count : {s.files, s.directories, s.bytes.value, s.added.value, s.problems})
            detail::put_varint(bytes, count);
        detail::put_bytes(bytes, root);
        const auto digest = digest_of<Sha256>(bytes);
        Uuid id;
        std::copy_n(digest.begin(), id.bytes.size(), id.bytes.begin());
        return id;
    }

    static Result<void> take(const SqliteStatement& statement, Snapshots& to) {
        auto row = statement.row<std::int64_t, Uuid, std::int64_t, std::string_view,
                                 std::string_view, std::string_view, std::string_view, ByteView,
                                 std::uint64_t, std::uint64_t, Bytes, Bytes, std::uint64_t>();
        if (!row) return row.error();
        const auto& [number, id, time, host, path, message, tags, root, files, directories, bytes,
                     added, problems] = *row;
        Snapshot s{id,
                   number,
                   time,
                   std::string{host},
                   std::string{path},
                   std::string{message},
                   {},
                   {},
                   files,
                   directories,
                   bytes,
                   added,
                   problems};
        for (auto left = tags; !left.empty();) {
            const auto end = std::min(left.find('\n'), left.size());
            s.tags.emplace_back(left.substr(0, end));
            left.remove_prefix(std::min(end + 1, left.size()));
        }
        auto entry = decode_root(root);
        if (!entry && entry.error().is(Errc::out_of_memory)) return entry.error();
        if (!entry || id_of(s, root) != id) {
            to.damaged.push_back(id);
            return {};
        }
        s.root = std::move(*entry);
        to.whole.push_back(std::move(s));
        return {};
    }
};

}  // namespace bobbin::pack

#endif
