#ifndef BOBBIN_TESTING_CONFORMANCE_INDEX_ENCODER_HPP
#define BOBBIN_TESTING_CONFORMANCE_INDEX_ENCODER_HPP

#include <bobbin/index/concept.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace bobbin::testing::conformance {

/// Checks what `IndexEncoder` promises and a compiler can't see, for an encoder `E`.
/// `make_record(n)` gives the n-th record and its size in bytes as a pair; `n` counts from zero, and
/// any number of them in order must be acceptable. Without it all records are `E::Record{}` of 1
/// byte to 64 KiB. Returns one line for each broken promise: none is a pass.
/// @allocates the report and the index
template <IndexEncoder E, class MakeRecord>
    requires std::is_invocable_r_v<std::pair<typename E::Record, Bytes>, MakeRecord&, std::size_t>
std::vector<std::string> index_encoder(MakeRecord make_record, std::size_t records = 1000) {
    std::vector<std::string> broken;
    const auto expect = [&](bool held, const char* promise) {
        if (!held) broken.emplace_back(std::string{E::format_id.name()} + ": " + promise);
    };
    using Counts = typename E::Counts;

    expect(E{}.counts() == Counts{}, "a new encoder has default counts");
    expect(E{}.take_piece().empty(), "a new encoder has no piece");
    {
        const auto none = E::count({}, Bytes{});
        expect(none && *none == Counts{}, "an empty index of no data has default counts");
    }

    // The same records into three encoders, which are asked for pieces at different times.
    E often, seldom, once;
    std::vector<std::byte> from_often, from_seldom;
    const auto take = [](E& encoder, std::vector<std::byte>& into) {
        const ByteView piece = encoder.take_piece();
        into.insert(into.end(), piece.begin(), piece.end());
    };
    Bytes total{};
    for (std::size_t n = 0; n < records; ++n) {
        const auto [record, size] = make_record(n);
        const bool added = often.add(record, size).has_value() &&
                           seldom.add(record, size).has_value() &&
                           once.add(record, size).has_value();
        expect(added, "a good record is taken");
        if (!added) return broken;
        total += size;
        if (n == 0) expect(once.starts_group(record), "the first record starts a group");
        take(often, from_often);
        if (n % 37 == 0) take(seldom, from_seldom);

        const auto counted =
            n % 97 == 0 ? E::count(from_often, total) : Result<Counts>{often.counts()};
        expect(counted && *counted == often.counts(), "a prefix of the pieces is an index");
    }
    take(seldom, from_seldom);
    expect(often.take_piece().empty(), "nothing is taken twice");

    std::vector<std::byte> whole;
    E copy = std::move(once);
    take(copy, whole);
    if constexpr (requires { requires E::has_totals_only; }) {
        for (const auto* index : {&from_often, &from_seldom}) {
            const auto counted = E::count(*index, total);
            expect(counted && *counted == copy.counts(),
                   "the pieces count the same whenever they are taken");
        }
    } else {
        expect(from_often == whole && from_seldom == whole,
               "the pieces are the same bytes whenever they are taken");
    }
    expect(often.counts() == copy.counts() && seldom.counts() == copy.counts(),
           "counts do not depend on pieces, nor on a move");
    const auto counted = E::count(whole, total);
    expect(counted && *counted == copy.counts(), "count() gives what the encoder counted");

    if (!whole.empty()) {
        expect(!E::count(whole, total + Bytes{1}), "count() refuses data that is too long");
        expect(!E::count(whole, total - Bytes{1}), "count() refuses data that is too short");
    }
    // Hostile input: only the absence of a crash can be asked for.
    std::uint64_t state = 88172645463325252;
    for (std::size_t flip = 0; flip < 200 && !whole.empty(); ++flip) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        auto damaged = whole;
        damaged[state % damaged.size()] ^= static_cast<std::byte>(1U << (state >> 61));
        const auto cut = static_cast<std::ptrdiff_t>((state >> 32) % 3 % damaged.size());
        damaged.erase(damaged.end() - cut, damaged.end());
        static_cast<void>(E::count(damaged, total));
    }
    return broken;
}

template <IndexEncoder E>
std::vector<std::string> index_encoder() {
    return index_encoder<E>([](std::size_t n) {
        return std::pair{typename E::Record{}, Bytes{1 + (n * 7919) % 65536}};
    });
}

}  // namespace bobbin::testing::conformance

namespace bobbin::testing {

/// The least that is an `IndexEncoder`: where records end, eight bytes each.
struct MinimalIndex {
    using policy_concept = index_encoder_tag;
    static constexpr FormatId format_id{"minimal.v1"};
    struct Record {};
    struct Counts {
        std::uint64_t records = 0;
        friend bool operator==(Counts, Counts) = default;
    };

    Result<void> add(Record, Bytes size) noexcept {
        if (taken_) used_ = 0;
        if (used_ == sizeof piece_) return Error{Errc::out_of_memory, Operation::encode};
        taken_ = false;
        store_le(piece_ + used_, end_ += size.value);
        used_ += 8;
        ++counts_.records;
        return {};
    }
    bool starts_group(Record) const noexcept { return true; }
    ByteView take_piece() noexcept {
        if (std::exchange(taken_, true)) used_ = 0;
        return {piece_, used_};
    }
    Counts counts() const noexcept { return counts_; }
    static void tally(Counts& counts, Record, Bytes) noexcept { ++counts.records; }
    static Result<Counts> count(ByteView index, Bytes data_size) noexcept {
        const auto last =
            index.size() < 8 ? 0 : load_le<std::uint64_t>(index.data() + index.size() - 8);
        if (index.size() % 8 != 0 || last != data_size.value)
            return Error{Errc::index_malformed, Operation::decode};
        return Counts{index.size() / 8};
    }

private:
    std::byte piece_[8 * 4096];
    std::size_t used_ = 0;
    std::uint64_t end_ = 0;
    bool taken_ = false;
    Counts counts_;
};

static_assert(IndexEncoder<MinimalIndex>);

}  // namespace bobbin::testing

#endif
