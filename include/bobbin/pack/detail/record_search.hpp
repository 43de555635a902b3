#ifndef BOBBIN_PACK_DETAIL_RECORD_SEARCH_HPP
#define BOBBIN_PACK_DETAIL_RECORD_SEARCH_HPP

#include <bobbin/pack/chunk_index.hpp>

#include <algorithm>
#include <functional>
#include <queue>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

/// Finds records among bytes of which nothing is known: all whose head and stored bytes match their
/// checksums, even where one lies in another. The content of a record may be anything, a pack that
/// was saved among it, so no size is a reason to pass over what it spans. Each byte is summed once
/// all the same: a checksum of stored bytes comes out of two of all that is before their ends.
/// Only in a head that is whole no other is looked for, so heads take no more memory than the file.
/// External sync.
/// @tparam Read `Result<void>(MutableByteView to, std::uint64_t offset)`, of all of `to`
template <class Read>
class RecordSearch {
public:
    RecordSearch(Read read, std::size_t digest_size) noexcept
        : read_{std::move(read)}
        , digest_size_{digest_size} {}

    /// Calls `found(place)`, which answers a Result<void>, in the order of their ends.
    /// @allocates a window of 1 MiB, and 40 bytes for each head that is found in 16 MiB
    template <class Found>
    Result<void> run(std::uint64_t at, std::uint64_t end, Found&& found) {
        for (summed_ = at; at < end;) {
            if (auto got = look_at(at, end); !got) return got;
            const auto here = ByteView{window_}.subspan(static_cast<std::size_t>(at - window_at_));
            const auto head = RecordHead::decode(here, digest_size_);
            const auto next = at + (head ? head->size() : next_start(here));
            if (auto done = sum_until(next, found); !done) return done;
            if (head && head->shape().stored <= end - next)
                claims_.push({next + head->shape().stored, crc_, head->stored_crc(),
                              RecordPlace{at, head->shape()}});
            at = next;
        }
        return {};
    }

private:
    static constexpr std::size_t window_size = std::size_t{1} << 20;

    /// What a head says of the bytes behind it.
    struct Claim {
        std::uint64_t end;
        std::uint32_t crc_before;
        std::uint32_t stored_crc;
        RecordPlace place;
        friend bool operator>(const Claim& a, const Claim& b) noexcept { return a.end > b.end; }
    };

    /// The window has a whole head at `at` where one can begin, or all that is left.
    Result<void> look_at(std::uint64_t at, std::uint64_t end) {
        const auto needed = std::min<std::uint64_t>(RecordHead::largest_size, end - at);
        if (!window_.empty() && at - window_at_ + needed <= window_.size()) return {};
        window_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(window_size, end - at)));
        window_at_ = at;
        return read_(MutableByteView{window_}, at);
    }

    /// How far it is to where the next record may begin: at least 1.
    static std::size_t next_start(ByteView bytes) noexcept {
        const auto found = as_text(bytes).find("BPrc", 1);
        if (found != std::string_view::npos) return found;
        // The last three bytes may be the first of a mark that goes on behind them.
        return bytes.size() <= 4 ? bytes.size() : bytes.size() - 3;
    }

    template <class Found>
    Result<void> sum_until(std::uint64_t to, Found& found) {
        for (; !claims_.empty() && claims_.top().end <= to; claims_.pop()) {
            const auto& claim = claims_.top();
            sum(claim.end);
            const auto crc = crc_ ^ crc32c_shifted(claim.crc_before, claim.place.shape.stored);
            if (crc != claim.stored_crc) continue;
            if (auto taken = found(claim.place); !taken) return taken;
        }
        sum(to);
        return {};
    }
    void sum(std::uint64_t to) noexcept {
        const auto bytes =
            ByteView{window_}.subspan(static_cast<std::size_t>(summed_ - window_at_));
        crc_ = crc32c(bytes.first(static_cast<std::size_t>(to - summed_)), crc_);
        summed_ = to;
    }

    Read read_;
    std::size_t digest_size_;
    std::vector<std::byte> window_;
    std::uint64_t window_at_ = 0;
    std::uint64_t summed_ = 0;  ///< up to where
    std::uint32_t crc_ = 0;
    std::priority_queue<Claim, std::vector<Claim>, std::greater<>> claims_;
};

}  // namespace bobbin::pack::detail

#endif
