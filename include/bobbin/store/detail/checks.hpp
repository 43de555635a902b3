#ifndef BOBBIN_STORE_DETAIL_CHECKS_HPP
#define BOBBIN_STORE_DETAIL_CHECKS_HPP

#include <bobbin/store/rows.hpp>

#include <string_view>

namespace bobbin::detail {

/// Ids of objects are signed 64-bit integers in SQL, so a stream has 31 bits.
inline constexpr std::uint32_t highest_stream = INT32_MAX;

inline bool is_object_id(ObjectId id) noexcept {
    return id.stream().value >= 1 && id.stream().value <= highest_stream && id.sequence() >= 1;
}

/// Whether `row` can be true of an object. Every store refuses what is not.
inline bool is_possible(const ObjectRow& row) noexcept {
    if (!is_object_id(row.id) || row.directory.value == 0 || row.open.value == 0) return false;
    if (row.allocated > no_limit || row.size > row.allocated) return false;
    if (row.digest.size > row.digest.bytes.size() || row.end_reason > EndReason::crash)
        return false;
    switch (row.state) {
        case ObjectState::growing: return row.end_reason == EndReason::growing;
        case ObjectState::committed:
            return row.end_reason != EndReason::growing && !row.index_format.name().empty() &&
                   !row.digest_format.name().empty();
        case ObjectState::garbage: return !row.is_protected;
        case ObjectState::quarantined: return true;
    }
    return false;
}

inline Result<void> check(const ObjectRow& row) noexcept {
    if (!is_possible(row)) return Error{Errc::invalid_argument, Operation::commit, row.id};
    return {};
}

inline Result<void> check(const Piece& piece) noexcept {
    if (piece.kind >= PieceKind::index && piece.kind <= PieceKind::soft_mark) return {};
    return Error{Errc::invalid_argument, Operation::commit, piece.object};
}

inline Result<void> check_retention(Bytes retain, Subject stream = {}) noexcept {
    if (retain.value >= 1 && retain <= no_limit) return {};
    return Error{Errc::invalid_argument, Operation::retain, stream};
}

inline Result<void> check_stream_name(std::string_view name) noexcept {
    if (!name.empty() && name.size() <= 255) return {};
    return Error{Errc::stream_name_invalid, Operation::create};
}

/// Only what is seldom can be listed for a whole directory.
inline Result<void> check_listed(ObjectState state, DirectoryId directory) noexcept {
    if (state != ObjectState::committed) return {};
    return Error{Errc::invalid_argument, Operation::query, directory};
}

/// What a row counts for in the usage of its directory.
struct Share {
    std::uint64_t objects = 0;
    Bytes allocated;

    static Share of(ObjectState state, Bytes allocated) noexcept {
        if (state != ObjectState::committed) return {};
        return {1, allocated};
    }
};

/// @errors `store_invariant` where less would be left than nothing
inline Result<void> take_out(UsageRow& usage, Share share) noexcept {
    if (usage.objects < share.objects || usage.allocated < share.allocated)
        return Error{Errc::store_invariant, Operation::commit, usage.stream};
    usage.objects -= share.objects;
    usage.allocated -= share.allocated;
    return {};
}

/// @errors `out_of_range` where the sum has no 63 bits
inline Result<void> add_in(UsageRow& usage, Share share) noexcept {
    if (no_limit - usage.allocated < share.allocated)
        return Error{Errc::out_of_range, Operation::commit, usage.stream};
    usage.objects += share.objects;
    usage.allocated += share.allocated;
    return {};
}

}  // namespace bobbin::detail

#endif
