#ifndef BOBBIN_DIGEST_CRC32C_HPP
#define BOBBIN_DIGEST_CRC32C_HPP

#include <bobbin/core/crc32c.hpp>
#include <bobbin/digest/concept.hpp>

namespace bobbin {

/// Finds every damage of up to 32 bits in a row and all but 1 in 2^32 others; not made to stop
/// anybody who changes bytes on purpose.
class Crc32c {
public:
    using policy_concept = digest_tag;
    static constexpr FormatId format_id{"crc32c.v1"};
    static constexpr std::size_t size = 4;
    static constexpr bool is_collision_resistant = false;

    void update(ByteView bytes) noexcept { crc_ = crc32c(bytes, crc_); }
    std::array<std::byte, size> finish() const noexcept {
        std::array<std::byte, size> out{};
        store_le(out.data(), crc_);
        return out;
    }

private:
    std::uint32_t crc_ = 0;
};

static_assert(Digest<Crc32c>);

}  // namespace bobbin

#endif
