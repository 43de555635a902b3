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
#include <map>
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
    wrong_usage,      ///< what a stream takes in the directory is not what its objects add up to
    file_without_row, ///< named like an object that there was, but the store has none such
    file_ahead,       ///< named like an object to come: a later start would take it for one of its own
    unknown_stream,   ///< named like an object of a stream that the store does not have
    misplaced_file,   ///< named like an object that lies in another directory
    // What follows is no damage.
    unfinished,       ///< under way when the program died; the next start finishes or removes it
    unnumbered,       ///< a file that its program had told nobody of; the next start removes it
    garbage,          ///< deleted, to be removed by the next start
    foreign_file,     ///< not named like anything of ours: left alone
};

constexpr std::string_view name_of(Disagreement kind) noexcept {
    constexpr std::string_view names[] = {"missing file",     "wrong size",     "wrong digest", "wrong block digests",
                                          "wrong index",      "unknown format", "unreadable",   "quarantined",
                                          "wrong usage",      "file without row", "file ahead", "unknown stream",
                                          "misplaced file",   "unfinished",     "unnumbered",   "garbage",
                                          "foreign file"};
    return names[static_cast<std::size_t>(kind)];
}
inline constexpr std::size_t disagreements = static_cast<std::size_t>(Disagreement::foreign_file) + 1;
constexpr bool is_damage(Disagreement kind) noexcept { return kind < Disagreement::unfinished; }

struct Finding {
    Disagreement kind = Disagreement::missing_file;
    ObjectId object;         ///< none for a foreign file; wrong_usage: number 0 of the stream
    std::string name;        ///< of a foreign file
    Bytes expected;          ///< wrong_size: as the row says; wrong_usage: the sum over the objects
    Bytes actual;            ///< wrong_size: of the file; wrong_usage: as the store says
    std::uint64_t offset = 0;  ///< wrong_digest: of the block
    Error cause;             ///< wrong_index, wrong_blocks, unreadable
};

struct CheckSummary {
    std::uint64_t objects = 0;  ///< committed
    Bytes bytes;                ///< of theirs
    Bytes read;                 ///< that were compared with digests
    std::array<std::uint64_t, disagreements> found{};  ///< by kind

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
        auto streams = view_.streams();
        if (!streams) return streams.error();
        auto usage = view_.usage();
        if (!usage) return usage.error();
        for (const auto& stream : *streams) usage_[stream.id] = {stream.id, directory, 0, 0, {}};
        for (const auto& row : *usage)
            if (row.directory == directory) usage_[row.stream] = row;
        if (auto done = check_names(*names, directory); !done) return done.error();
        for (const auto& [stream, row] : usage_)
            if (auto done = check_stream(row); !done) return done.error();
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

    /// Of a file that no row speaks of.
    Disagreement judge(ObjectId id) const {
        const auto stream = usage_.find(id.stream());
        if (stream == usage_.end()) return Disagreement::unknown_stream;
        const ProbedNumbers probed{stream->second.highest};
        if (probed.contain(id.sequence())) return Disagreement::unnumbered;
        return id.sequence() > probed.last ? Disagreement::file_ahead : Disagreement::file_without_row;
    }

    Result<void> check_names(const std::vector<std::string>& names, DirectoryId directory) {
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
                tell(judge(*id), *id);
            else if ((*row)->directory != directory)
                tell(Disagreement::misplaced_file, *id);
        }
        return {};
    }

    Result<void> check_stream(const UsageRow& usage) {
        UsageRow sum{usage.stream, usage.directory, 0, 0, {}};
        for (ObjectCursor cursor{view_, usage.stream};;) {
            auto rows = cursor.next();
            if (!rows) return rows.error();
            if (rows->empty()) break;
            for (const auto& row : *rows) {
                if (row.directory != usage.directory) continue;
                sum.highest = row.id.sequence();
                ++sum.objects;
                sum.allocated += row.allocated;
                if (auto done = check_object(row); !done) return done;
                if (options_.on_progress) options_.on_progress(summary_, options_.context);
            }
        }
        if (usage.objects == sum.objects && usage.allocated == sum.allocated && usage.highest >= sum.highest)
            return {};
        finding_ = {};
        finding_.kind = Disagreement::wrong_usage;
        finding_.object = ObjectId{usage.stream, 0};
        finding_.expected = sum.allocated;
        finding_.actual = usage.allocated;
        tell(finding_);
        return {};
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
            const auto block = static_cast<std::size_t>(start / digest_block_size);
            const auto expected = digests.subspan(block * C::Digest::size, C::Digest::size);
            const auto matches = [&]() -> Result<bool> {
                pacer.before(file, start, start + buffer_.size());
                auto got = file.read_at(buffer_, start);
                pacer.after(file, start, start + buffer_.size());
                if (!got) return got.error();
                if (*got != buffer_.size()) return Error{Errc::object_short, Operation::verify};
                typename C::Digest digest;
                digest.update(buffer_);
                return std::ranges::equal(digest.finish(), expected);
            };
            auto good = matches();
            // What was read wrongly once may be right.
            if (good && !*good) good = matches();
            if (!good) {
                // Told already, by its size.
                if (good.error().is(Errc::object_short)) return;
                tell(Disagreement::unreadable, row.id, good.error());
                continue;
            }
            summary_.read += Bytes{buffer_.size()};
            if (*good) continue;
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
    std::map<StreamId, UsageRow> usage_;  ///< in this directory, of each stream that there is
    std::vector<std::byte> buffer_;
};

}  // namespace detail

/// Compares a directory of the archive type `A` with its store, whose rows `view` shows: a
/// `SqliteReader`, or a `MemoryStore`. Rows and files, sizes, indexes, usage, digests of blocks, and, if
/// asked for, of all data. Changes nothing and locks nothing: nobody may be writing. `tell(const Finding&)` is
/// called for each disagreement; `repair` (bobbin/repair.hpp) does something about them.
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
