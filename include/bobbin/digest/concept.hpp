#ifndef BOBBIN_DIGEST_CONCEPT_HPP
#define BOBBIN_DIGEST_CONCEPT_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/ids.hpp>
#include <bobbin/core/policy.hpp>

#include <array>
#include <concepts>
#include <cstddef>

namespace bobbin {

/// An object's digest is that of the list of its blocks' digests; a block is 1 MiB of its file,
/// the last one may be shorter.
inline constexpr std::size_t digest_block_size = std::size_t{1} << 20;

/// The integrity hash.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `D::format_id` | `FormatId` | stands in each object's row |
/// | `D::size` | `std::size_t` | bytes of a digest, 0 to 32 |
/// | `D::is_collision_resistant` | `bool` | may decide what is a duplicate without comparing bytes |
/// | `d.update(bytes)` | | goes on with `bytes` |
/// | `c.finish()` | `std::array<std::byte, D::size>` | of all so far; `c` may go on |
///
/// Optional:
///
/// | expression | result | without it |
/// |---|---|---|
/// | `D::of(bytes)` | `std::array<std::byte, D::size>` | `update` and `finish` of a new one |
///
/// Default construction begins anew. Never fails. External sync; `of` is a pure function.
/// Models: `Crc32c`, `NoDigest`, `Sha256`, `Xxh3`; `testing::conformance::digest` checks one.
template <class D>
concept Digest = PolicyFor<D, digest_tag> && std::default_initializable<D> && std::copyable<D> &&
                 (D::size <= 32) && requires(D& d, const D& c, ByteView bytes) {
                     { D::format_id } -> std::same_as<const FormatId&>;
                     { D::is_collision_resistant } -> std::same_as<const bool&>;
                     { d.update(bytes) } noexcept -> std::same_as<void>;
                     { c.finish() } noexcept -> std::same_as<std::array<std::byte, D::size>>;
                 };

/// The digest of `bytes` alone, by the shorter way where there is one.
template <Digest D>
std::array<std::byte, D::size> digest_of(ByteView bytes) noexcept {
    if constexpr (requires {
                      { D::of(bytes) } noexcept -> std::same_as<std::array<std::byte, D::size>>;
                  }) {
        return D::of(bytes);
    } else {
        D digest;
        digest.update(bytes);
        return digest.finish();
    }
}

}  // namespace bobbin

#endif
