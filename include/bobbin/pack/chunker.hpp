#ifndef BOBBIN_PACK_CHUNKER_HPP
#define BOBBIN_PACK_CHUNKER_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/policy.hpp>
#include <bobbin/core/result.hpp>
#include <bobbin/pack/format.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace bobbin::pack {

struct chunker_tag {};  ///< where bytes are cut into chunks

namespace role {
using chunker = chunker_tag;
}

/// Where a stream of bytes is cut into chunks.
///
/// What two files have in common is stored once only if both are cut at the same places of it.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `c.find_cut(bytes)` | `std::optional<std::size_t>` | how many of `bytes`, which follow those of the calls before, end the chunk; none: all belong to it, and it goes on |
/// | `c.reset()` | | the next byte is the first of a chunk: after the end of a file |
/// | `c.largest()` | `std::size_t` | bytes of the longest chunk that it makes, up to `largest_record` |
///
/// After a cut the next call goes on behind it, with the first byte of a chunk. The cuts depend on
/// the bytes since `reset`, and not on how they are divided into calls. No chunk is empty. The last
/// one ends with the file, shorter than others may be. Never fails. External sync.
/// `testing::conformance::chunker` checks one. Models: `WholeFile`, `FixedChunks`, `FastCdc`.
template <class C>
concept Chunker = PolicyFor<C, chunker_tag> && std::default_initializable<C> && std::copyable<C> &&
                  requires(C& c, const C& constant, ByteView bytes) {
                      { c.find_cut(bytes) } noexcept -> std::same_as<std::optional<std::size_t>>;
                      { c.reset() } noexcept -> std::same_as<void>;
                      { constant.largest() } noexcept -> std::same_as<std::size_t>;
                  };

/// Chunks of one size.
class FixedChunks {
public:
    using policy_concept = chunker_tag;
    static constexpr std::size_t default_size = std::size_t{1} << 20;

    FixedChunks() = default;
    /// @param size 1 to `largest_record`; others become the nearest of these
    explicit constexpr FixedChunks(Bytes size) noexcept
        : size_{
              static_cast<std::size_t>(std::clamp<std::uint64_t>(size.value, 1, largest_record))} {}

    std::optional<std::size_t> find_cut(ByteView bytes) noexcept {
        const auto missing = size_ - filled_;
        if (bytes.size() < missing) {
            filled_ += bytes.size();
            return {};
        }
        filled_ = 0;
        return missing;
    }
    void reset() noexcept { filled_ = 0; }
    std::size_t largest() const noexcept { return size_; }

private:
    std::size_t size_ = default_size;
    std::size_t filled_ = 0;
};

/// One chunk a file, as far as a record can hold it: for files that change as a whole.
class WholeFile : public FixedChunks {
public:
    WholeFile() noexcept : FixedChunks{Bytes{largest_record}} {}
};

static_assert(Chunker<FixedChunks> && Chunker<WholeFile>);

}  // namespace bobbin::pack

#endif
