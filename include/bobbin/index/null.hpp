#ifndef BOBBIN_INDEX_NULL_HPP
#define BOBBIN_INDEX_NULL_HPP

#include <bobbin/index/concept.hpp>

namespace bobbin {

/// No index: an object is its bytes, and every record starts a group. Stores and costs nothing.
/// Thread safety: immutable.
struct NullIndex {
    using policy_concept = index_encoder_tag;
    static constexpr FormatId format_id{"null.v1"};
    struct Record {};
    struct Counts {
        friend constexpr bool operator==(Counts, Counts) = default;
    };

    Result<void> add(Record, Bytes) noexcept { return {}; }
    bool starts_group(Record) const noexcept { return true; }
    ByteView take_piece() noexcept { return {}; }
    Counts counts() const noexcept { return {}; }

    static void tally(Counts&, Record, Bytes) noexcept {}

    /// @errors index_malformed where `index` has bytes
    static Result<Counts> count(ByteView index, Bytes) noexcept {
        if (!index.empty()) return Error{Errc::index_malformed, Operation::decode};
        return Counts{};
    }
};

static_assert(IndexEncoder<NullIndex>);

}  // namespace bobbin

#endif
