#ifndef BOBBIN_CHECK_HPP
#define BOBBIN_CHECK_HPP

#include <bobbin/detail/object_cursor.hpp>
#include <bobbin/detail/sequence_window.hpp>
#include <bobbin/digest/blocks.hpp>
#include <bobbin/file/detail/read_pacer.hpp>
#include <bobbin/fs/directory.hpp>
#include <bobbin/store/rows.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace bobbin {

/// How a directory and its store disagree.
enum class Disagreement : std::uint8_t {
    missing_file,     ///< a committed object has no file
    wrong_size,       ///< its file is shorter or longer than its row says
    wrong_digest,     ///< bytes do not match the digest of their block
    wrong_blocks,     ///< the digests of its blocks do not match the row's, or are not there
    wrong_index,      ///< its index does not decode, or describes other bytes
    unknown_format,   ///< written in a format that this program does not have
    unreadable,       ///< the file system refuses
    quarantined,      ///< known to be damaged, and set aside
    file_without_row, ///< named like an object, but the store has never heard of it
    // What follows is no damage.
    unfinished,       ///< under way when the program died; the next start finishes or removes it
    garbage,          ///< deleted, to be removed by the next start
    foreign_file,     ///< not named like anything of ours: left alone
};

constexpr std::string_view name_of(Disagreement kind) noexcept {
    constexpr std::string_view names[] = {"missing file",  "wrong size",       "wrong digest", "wrong block digests",
                                          "wrong index",   "unknown format",   "unreadable",   "quarantined",
                                          "file without row", "unfinished",    "garbage",      "foreign file"};
    return names[static_cast<std::size_t>(kind)];
}
constexpr bool is_damage(Disagreement kind) noexcept { return kind < Disagreement::unfinished; }

struct Finding {
    Disagreement kind = Disagreement::missing_file;
    ObjectId object;         ///< none for a foreign file
    std::string name;        ///< of a foreign file
    Bytes expected;          ///< wrong_size: as the row says
    Bytes actual;            ///< wrong_size: of the file
    std::uint64_t offset = 0;  ///< wrong_digest: of the block
    Error cause;             ///< wrong_index, wrong_blocks, unreadable
};

struct CheckSummary {
    std::uint64_t objects = 0;  ///< committed
    Bytes bytes;                ///< of theirs
    Bytes read;                 ///< that were compared with digests
    std::array<std::uint64_t, 12> found{};  ///< by kind

    std::uint64_t count(Disagreement kind) const noexcept { return found[static_cast<std::size_t>(kind)]; }
    bool is_clean() const noexcept {
        for (std::size_t i = 0; i < found.size(); ++i)
            if (found[i] != 0 && is_damage(static_cast<Disagreement>(i))) return false;
        return true;
    }
};

struct CheckOptions {
    bool read_data = false;  ///< read all bytes and compare digests
    ReadOptions reading{.read_ahead = Bytes{4 << 20}, .drops_behind = true};
    /// Called after each object.
    void (*on_progress)(const CheckSummary&, void*) = nullptr;
    void* context = nullptr;
};

namespace detail {

/// One pass over a directory. Writes nothing, locks nothing.
template <class C, class View, class Tell>
class Checker {
public:
    Checker(const typename C::Directory& place, View& view, const CheckOptions& options, Tell& tell)
        : place_{place}, view_{view}, options_{options}, tell_{tell} {}

    Result<CheckSummary> run(DirectoryId directory) {
        auto names = place_.list();
        if (!names) return names.error();
        if (auto done = check_names(*names, directory); !done) return done.error();
        auto streams = view_.streams();
        if (!streams) return streams.error();
        for (const auto& stream : *streams)
            if (auto done = check_stream(stream.id, directory); !done) return done.error();
        for (const auto state : {ObjectState::quarantined, ObjectState::growing, ObjectState::garbage}) {
            auto rows = view_.in_state(directory, state);
            if (!rows) return rows.error();
            for (const auto& row : *rows)
                tell(state == ObjectState::quarantined ? Disagreement::quarantined
                     : state == ObjectState::growing   ? Disagreement::unfinished
                                                       : Disagreement::garbage,
                     row.id);
        }
        return summary_;
    }

private:
    Finding& tell(Disagreement kind, ObjectId id, Error cause = {}) {
        finding_ = {};
        finding_.kind = kind;
        finding_.object = id;
        finding_.cause = cause;
        return tell(finding_);
    }
    Finding& tell(Finding& finding) {
        ++summary_.found[static_cast<std::size_t>(finding.kind)];
        tell_(std::as_const(finding));
        return finding;
    }

    Result<void> check_names(const std::vector<std::string>& names, DirectoryId directory) {
        auto usage = view_.usage();
        if (!usage) return usage.error();
        const auto is_probed = [&](ObjectId id) {
            Sequence highest = 0;
            for (const auto& row : *usage)
                if (row.stream == id.stream() && row.directory == directory) highest = row.highest;
            return ProbedNumbers{highest}.contain(id.sequence());
        };
        for (const auto& name : names) {
            if (C::Directory::is_own_name(name)) continue;
            const auto id = ObjectName::parse(name);
            if (!id) {
                finding_ = {};
                finding_.kind = Disagreement::foreign_file;
                finding_.name = name;
                tell(finding_);
                continue;
            }
            auto row = view_.object(*id);
            if (!row) return row.error();
            if (!*row)
                tell(is_probed(*id) ? Disagreement::unfinished : Disagreement::file_without_row, *id);
            else if ((*row)->directory != directory)
                tell(Disagreement::file_without_row, *id);
        }
        return {};
    }

    Result<void> check_stream(StreamId stream, DirectoryId directory) {
        for (ObjectCursor cursor{view_, stream};;) {
            auto rows = cursor.next();
            if (!rows) return rows.error();
            if (rows->empty()) return {};
            for (const auto& row : *rows) {
                if (row.directory != directory) continue;
                if (auto done = check_object(row); !done) return done;
                if (options_.on_progress) options_.on_progress(summary_, options_.context);
            }
        }
    }

    Result<void> check_object(const ObjectRow& row) {
        ++summary_.objects;
        summary_.bytes += row.size;
        if (row.index_format != C::Index::format_id || row.digest_format != C::Digest::format_id) {
            tell(Disagreement::unknown_format, row.id);
            return {};
        }
        auto index = view_.piece_bytes(row.id, PieceKind::index);
        if (!index) return index.error();
        if (auto counts = C::Index::count(*index, row.size); !counts)
            tell(Disagreement::wrong_index, row.id, counts.error());
        auto pieces = view_.piece_bytes(row.id, PieceKind::block_digests);
        if (!pieces) return pieces.error();
        auto list = join_digest_pieces(*pieces, C::Digest::size);
        const bool has_list =
            list && is_list_of<typename C::Digest>(*list, row.size, row.digest.view());
        if (!has_list)
            tell(Disagreement::wrong_blocks, row.id,
                 list ? Error{Errc::digest_mismatch, Operation::verify} : list.error());
        check_file(row, has_list ? ByteView{*list} : ByteView{});
        return {};
    }

    void check_file(const ObjectRow& row, ByteView digests) {
        auto file = place_.open(row.id);
        if (!file) {
            if (file.error().is_errno(ENOENT))
                tell(Disagreement::missing_file, row.id);
            else
                tell(Disagreement::unreadable, row.id, file.error());
            return;
        }
        auto status = file->status();
        if (!status) {
            tell(Disagreement::unreadable, row.id, status.error());
            return;
        }
        if (status->size != row.size) {
            finding_ = {};
            finding_.kind = Disagreement::wrong_size;
            finding_.object = row.id;
            finding_.expected = row.size;
            finding_.actual = status->size;
            tell(finding_);
        }
        if (options_.read_data && !digests.empty()) check_data(row, *file, digests);
    }

    template <class File>
    void check_data(const ObjectRow& row, File& file, ByteView digests) {
        file::detail::ReadPacer pacer{options_.reading, row.size.value};
        for (std::uint64_t start = 0; start < row.size.value; start += digest_block_size) {
            buffer_.resize(static_cast<std::size_t>(
                std::min<std::uint64_t>(digest_block_size, row.size.value - start)));
            pacer.before(file, start, start + buffer_.size());
            auto got = file.read_at(buffer_, start);
            pacer.after(file, start, start + buffer_.size());
            if (!got) {
                tell(Disagreement::unreadable, row.id, got.error());
                continue;
            }
            // Shorter: told already, by its size.
            if (*got != buffer_.size()) return;
            summary_.read += Bytes{*got};
            typename C::Digest digest;
            digest.update(buffer_);
            const auto block = static_cast<std::size_t>(start / digest_block_size);
            const auto expected = digests.subspan(block * C::Digest::size, C::Digest::size);
            if (std::ranges::equal(digest.finish(), expected)) continue;
            finding_ = {};
            finding_.kind = Disagreement::wrong_digest;
            finding_.object = row.id;
            finding_.offset = start;
            tell(finding_);
        }
    }

    const typename C::Directory& place_;
    View& view_;
    CheckOptions options_;
    Tell& tell_;
    CheckSummary summary_;
    Finding finding_;
    std::vector<std::byte> buffer_;
};

}  // namespace detail

/// Compares a directory of the archive type `A` with its store, whose rows `view` shows: a
/// `SqliteReader`, or a `MemoryStore`. Rows and files, sizes, indexes, digests of blocks, and, if asked
/// for, of all data. Changes nothing and locks nothing: nobody may be writing. `tell(const Finding&)` is
/// called for each disagreement.
/// @errors `directory_missing_identity`, `directory_unknown_to_store`; of the store; of the file system
///   where the directory itself can't be read
template <class A, class View, class Tell>
Result<CheckSummary> check(typename A::Composition::Directory& place, View& view, CheckOptions options,
                           Tell&& tell) {
    auto identity = place.read_identity();
    if (!identity) return identity.error();
    if (!*identity) return Error{Errc::directory_missing_identity, Operation::identify};
    auto row = view.directory((*identity)->directory);
    if (!row) return row.error();
    if (!*row) return Error{Errc::directory_unknown_to_store, Operation::identify};
    return detail::Checker<typename A::Composition, View, Tell>{place, view, options, tell}.run((*row)->id);
}

}  // namespace bobbin

#endif
