#ifndef BOBBIN_CORE_ERROR_HPP
#define BOBBIN_CORE_ERROR_HPP

#include <bobbin/core/ids.hpp>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace bobbin {

/// What an error means for the one who has to decide what to do next.
enum class ErrorKind : std::uint8_t {
    transient,        ///< may succeed when simply tried again
    no_space,         ///< needs room first
    stalled,          ///< no answer within the deadline
    cancelled,        ///< asked to stop
    locked,           ///< somebody else has it
    bad_input,        ///< the caller must change the call
    lost_write,       ///< bytes given to the system may be gone: never retried in place
    unknown_outcome,  ///< may or may not have happened: ask before repeating
    stale,            ///< what it refers to has moved on or was removed
    corrupt,          ///< bytes are not what was written
    permanent,        ///< will fail again
};

/// Where a code comes from.
enum class Domain : std::uint8_t { bobbin, system, sqlite };

/// What was attempted.
enum class Operation : std::uint8_t {
    nothing, open, create, read, write, truncate, sync, sync_directory, close, remove, rename, list,
    stat, lock, space, preallocate, identify, begin, append, end, commit, mark, query, migrate,
    recover, retain, verify, decode, encode, wait, start, write_back, drop_cache,
};

/// Our own error codes (`Domain::bobbin`).
enum class Errc : std::int32_t {
    sample_empty = 1,
    sample_too_large,
    time_not_rising,
    duration_invalid,
    not_sync_sample,
    object_too_long,
    stream_in_use,
    stream_unknown,
    stream_name_invalid,
    writer_ended,
    directory_in_use,
    directory_missing_identity,
    directory_mismatch,
    directory_used_by_other_store,
    directory_unknown_to_store,
    identity_malformed,
    identity_version_unknown,
    name_invalid,
    overrun,
    deadline_passed,
    stop_requested,
    object_unknown,
    object_lost,
    object_short,
    digest_mismatch,
    format_unknown,
    index_truncated,
    index_malformed,
    schema_unknown,
    schema_mismatch,
    store_mismatch,
    store_invariant,
    read_only,
    not_supported,
    out_of_range,
    out_of_memory,
    invalid_argument,
    sequence_exhausted,
    bitstream_malformed,
    parameter_sets_missing,
    samples_reordered,
    compressed_malformed,
    pack_malformed,
    pack_empty,
    pack_foreign,
    pack_unfinished,
    rules_too_large,
    tree_malformed,
    chunk_missing,
    target_foreign,
    path_protected,
};

/// The thing an error is about: an object, a stream, a directory, an open, or nothing.
struct Subject {
    enum class Type : std::uint8_t { nothing, object, stream, directory, open };
    Type type = Type::nothing;
    std::uint64_t value = 0;

    constexpr Subject() = default;
    constexpr Subject(ObjectId id) noexcept : type{Type::object}, value{id.value} {}
    constexpr Subject(StreamId id) noexcept : type{Type::stream}, value{id.value} {}
    constexpr Subject(DirectoryId id) noexcept : type{Type::directory}, value{id.value} {}
    constexpr Subject(OpenId id) noexcept : type{Type::open}, value{id.value} {}
    friend constexpr bool operator==(Subject, Subject) = default;
};

constexpr ErrorKind kind_of(Errc code) noexcept {
    switch (code) {
        case Errc::directory_in_use:
        case Errc::stream_in_use: return ErrorKind::locked;
        case Errc::deadline_passed: return ErrorKind::stalled;
        case Errc::stop_requested: return ErrorKind::cancelled;
        case Errc::overrun:
        case Errc::object_lost: return ErrorKind::lost_write;
        case Errc::object_unknown:
        case Errc::chunk_missing:
        case Errc::writer_ended: return ErrorKind::stale;
        case Errc::object_short:
        case Errc::digest_mismatch:
        case Errc::index_truncated:
        case Errc::index_malformed:
        case Errc::bitstream_malformed:
        case Errc::compressed_malformed:
        case Errc::pack_malformed:
        case Errc::pack_unfinished:
        case Errc::tree_malformed:
        case Errc::identity_malformed:
        case Errc::store_invariant: return ErrorKind::corrupt;
        case Errc::out_of_memory: return ErrorKind::transient;
        case Errc::format_unknown:
        case Errc::identity_version_unknown:
        case Errc::schema_unknown:
        case Errc::schema_mismatch:
        case Errc::not_supported:
        case Errc::samples_reordered:
        case Errc::sequence_exhausted: return ErrorKind::permanent;
        default: return ErrorKind::bad_input;
    }
}

/// A failed sync is decided by the one who synced: `lost_write`, whatever the number says. So is a
/// failed write-back, where the number is one of the disk's and not of the call's.
constexpr ErrorKind kind_of_errno(int number, Operation operation) noexcept {
    if (operation == Operation::sync) return ErrorKind::lost_write;
    if (operation == Operation::write_back &&
        (number == EIO || number == ENOSPC || number == EDQUOT))
        return ErrorKind::lost_write;
    switch (number) {
        case EINTR:
        case EAGAIN:
        case ENOMEM:
        case ENOBUFS:
        case EMFILE:
        case ENFILE:
        case EBUSY: return ErrorKind::transient;
        case ENOSPC:
        case EDQUOT: return ErrorKind::no_space;
        case ETIMEDOUT: return ErrorKind::stalled;
        case ECANCELED: return ErrorKind::cancelled;
        case ESTALE:
        case ENOENT: return ErrorKind::stale;
        case EINVAL:
        case EBADF:
        case EEXIST:
        case EISDIR:
        case ENOTDIR:
        case ENAMETOOLONG:
        case ELOOP:
        case EXDEV:
        case ESPIPE: return ErrorKind::bad_input;
        default: return ErrorKind::permanent;
    }
}

/// What failed, in which domain, at what operation, on what. A literal type that fits in three words.
struct Error {
    std::int32_t code = 0;
    Domain domain = Domain::bobbin;
    Operation operation = Operation::nothing;
    ErrorKind category = ErrorKind::permanent;
    Subject subject{};

    constexpr Error() = default;
    constexpr Error(Errc errc, Operation op, Subject on = {}) noexcept
        : code{static_cast<std::int32_t>(errc)}, operation{op}, category{kind_of(errc)},
          subject{on} {}
    constexpr Error(Domain from, std::int32_t number, ErrorKind kind, Operation op,
                    Subject on = {}) noexcept
        : code{number}, domain{from}, operation{op}, category{kind}, subject{on} {}

    static constexpr Error system(int number, Operation op, Subject on = {}) noexcept {
        return {Domain::system, number, kind_of_errno(number, op), op, on};
    }

    constexpr ErrorKind kind() const noexcept { return category; }
    constexpr bool is(Errc errc) const noexcept {
        return domain == Domain::bobbin && code == static_cast<std::int32_t>(errc);
    }
    constexpr bool is_errno(int number) const noexcept {
        return domain == Domain::system && code == number;
    }
    /// The same error, said to be about `on` unless it already names something.
    constexpr Error about(Subject on) const noexcept {
        Error copy = *this;
        if (copy.subject.type == Subject::Type::nothing) copy.subject = on;
        return copy;
    }
    friend constexpr bool operator==(const Error&, const Error&) = default;
};

constexpr std::string_view name_of(ErrorKind kind) noexcept {
    constexpr std::string_view names[] = {"transient", "no space",   "stalled",         "cancelled",
                                          "locked",    "bad input",  "lost write",      "unknown outcome",
                                          "stale",     "corrupt",    "permanent"};
    return names[static_cast<std::size_t>(kind)];
}

constexpr std::string_view name_of(Operation operation) noexcept {
    constexpr std::string_view names[] = {
        "do",     "open",   "create", "read",   "write", "truncate", "sync",        "sync the directory of",
        "close",  "remove", "rename", "list",   "stat",  "lock",     "ask the space of", "preallocate",
        "identify", "begin", "append to", "end", "commit", "mark",   "query",       "migrate",
        "recover", "apply retention to", "verify", "decode", "encode", "wait for", "start", "write back",
        "drop cached pages of"};
    return names[static_cast<std::size_t>(operation)];
}

/// What happened and what to do about it, in a sentence without a subject.
constexpr std::string_view explain(Errc code) noexcept {
    switch (code) {
        case Errc::sample_empty: return "the record is empty; only records with bytes can be stored";
        case Errc::sample_too_large: return "the record is larger than 2 GiB; split it";
        case Errc::time_not_rising: return "the time does not rise; end the run and begin a new one";
        case Errc::duration_invalid: return "the duration is negative, or zero before the last record";
        case Errc::not_sync_sample: return "a recording must begin with a sync sample";
        case Errc::object_too_long: return "longer than one object may be; end it and begin another";
        case Errc::stream_in_use: return "the stream already has a writer; end that one first";
        case Errc::stream_unknown: return "the store knows no such stream; create it first";
        case Errc::stream_name_invalid: return "a stream's name has 1 to 255 bytes";
        case Errc::writer_ended: return "the writer has ended; take a new one from the syncer";
        case Errc::directory_in_use: return "another process has this directory open; stop it first";
        case Errc::directory_missing_identity:
            return "there is no identity file here; is the right disk mounted? "
                   "To make a new directory, ask for creation; "
                   "if these are the right files, and only their identity is lost, adopt it";
        case Errc::directory_mismatch:
            return "this is not the directory that the store knows here; mount the right one. "
                   "If one of the two was restored from an older copy and there is nothing newer, adopt it";
        case Errc::directory_used_by_other_store:
            return "the directory is already in use by another store; "
                   "open it with that one, or take another directory";
        case Errc::directory_unknown_to_store:
            return "the directory was completed by an open that the store does not know; "
                   "the store may have been restored from an older copy; "
                   "restore a newer one, or take another directory";
        case Errc::identity_malformed:
            return "the identity file is damaged; restore it from a copy, or adopt the directory";
        case Errc::identity_version_unknown: return "the identity file was written by a newer version";
        case Errc::name_invalid: return "not a name that may be used here";
        case Errc::overrun: return "bytes came faster than the disk took them and were dropped";
        case Errc::deadline_passed: return "no answer within the deadline";
        case Errc::stop_requested: return "asked to stop";
        case Errc::object_unknown: return "the store knows no such object";
        case Errc::object_lost: return "its bytes were lost before they reached the disk";
        case Errc::object_short: return "its file is shorter than its row says";
        case Errc::digest_mismatch: return "its bytes do not match their digest";
        case Errc::format_unknown: return "written in a format that this program does not know; use a newer one";
        case Errc::index_truncated: return "its index ends in the middle of a record";
        case Errc::index_malformed: return "its index is malformed";
        case Errc::schema_unknown: return "the store was written by a newer version of this program";
        case Errc::schema_mismatch: return "the store's tables are not those of this program";
        case Errc::store_mismatch: return "not a store of this program";
        case Errc::store_invariant: return "the store's rows contradict each other; run check";
        case Errc::read_only: return "opened for reading only";
        case Errc::not_supported: return "not supported here";
        case Errc::out_of_range: return "outside of what is there";
        case Errc::out_of_memory: return "no memory left";
        case Errc::invalid_argument: return "the argument makes no sense";
        case Errc::sequence_exhausted: return "the stream has used all its numbers; begin a new stream";
        case Errc::bitstream_malformed: return "the video bitstream is malformed";
        case Errc::parameter_sets_missing:
            return "no parameter sets have come that describe the video";
        case Errc::samples_reordered:
            return "the video has B-frames, which are not supported; turn them off in the camera";
        case Errc::compressed_malformed: return "its compressed bytes are damaged";
        case Errc::pack_malformed:
            return "the pack is damaged; a scan of its records finds what can be saved";
        case Errc::pack_empty: return "a pack has at least one chunk";
        case Errc::pack_foreign: return "the pack belongs to another store";
        case Errc::pack_unfinished:
            return "the pack has no index at its end; a scan of its records makes one";
        case Errc::rules_too_large:
            return "ignore rules have up to 1 MiB, and each line up to 4096 bytes";
        case Errc::tree_malformed: return "a record of the tree is damaged";
        case Errc::chunk_missing: return "no pack has this chunk";
        case Errc::target_foreign:
            return "the directory holds what was not restored from there";
        case Errc::path_protected: return "something lies there that must stay as it is";
    }
    return "unknown error";
}

/// One line for people: what was attempted, on what, what was answered. Whoever knows the path
/// passes it as `where`; `describe` of a store, syncer or reader does.
/// @allocates the text
inline std::string describe(const Error& error, std::string_view where = {}) {
    std::string text = "cannot ";
    text += name_of(error.operation);
    if (!where.empty()) {
        text += ' ';
        text += where;
    }
    switch (error.subject.type) {
        case Subject::Type::nothing: break;
        case Subject::Type::object:
            text += " object ";
            text += ObjectName{ObjectId{error.subject.value}};
            break;
        case Subject::Type::stream: text += " stream " + std::to_string(error.subject.value); break;
        case Subject::Type::directory: text += " directory " + std::to_string(error.subject.value); break;
        case Subject::Type::open: text += " open " + std::to_string(error.subject.value); break;
    }
    text += ": ";
    switch (error.domain) {
        case Domain::bobbin: text += explain(static_cast<Errc>(error.code)); break;
        case Domain::system: {
            char buffer[128] = {};
            text += strerror_r(error.code, buffer, sizeof buffer);
            break;
        }
        case Domain::sqlite:
            text += "SQLite error " + std::to_string(error.code) + " (";
            text += name_of(error.kind());
            text += ')';
            break;
    }
    return text;
}

}  // namespace bobbin

#endif
