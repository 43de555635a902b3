#ifndef BOBBIN_CODEC_CONCEPT_HPP
#define BOBBIN_CODEC_CONCEPT_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/ids.hpp>
#include <bobbin/core/policy.hpp>
#include <bobbin/core/result.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace bobbin {

struct codec_tag {};  ///< how bytes are made smaller

namespace role {
using codec = codec_tag;
}

/// The most that one call takes or gives, so that no codec meets a limit of its own.
inline constexpr std::size_t codec_limit = std::size_t{1} << 30;

/// How bytes are made smaller, and how they come back.
///
/// Neither side allocates what the other asks for: the caller brings the room, and what decides
/// its size is the caller's to check.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `C::format_id` | `FormatId` | names the compressed bytes for ever |
/// | `C::number` | `std::uint8_t` | stands for `format_id` in a record: 0 to 127 are ours (docs/formats.md), 128 to 255 the program's |
/// | `C::bound(size)` | `std::size_t` | room in which `size` bytes always find place |
/// | `c.compress(from, to)` | `Result<std::size_t>` | bytes written to `to`; 0: it has no room for them |
/// | `c.decompress(from, to)` | `Result<void>` | fills all of `to`, which is as long as what was compressed |
///
/// `from` of `compress` has at least one byte; no span is longer than `codec_limit`. `decompress`
/// takes any bytes, and answers `compressed_malformed` where they are not exactly what `compress`
/// makes of `to.size()` bytes; `to` means nothing then. Other errors: `out_of_memory`,
/// `invalid_argument` (a span too long). Where it fails or finds no room, `compress` may have
/// written to `to`, and never beyond.
///
/// A codec may keep what it needs between calls: external sync.
/// A minimal model is `NoCodec`; `testing::conformance::codec` checks one.
/// Models: `NoCodec`, `Lz4`, `Zstd`.
template <class C>
concept Codec = PolicyFor<C, codec_tag> && std::default_initializable<C> && std::movable<C> &&
                requires(C& c, ByteView from, MutableByteView to, std::size_t size) {
                    { C::format_id } -> std::same_as<const FormatId&>;
                    { C::number } -> std::same_as<const std::uint8_t&>;
                    { C::bound(size) } noexcept -> std::same_as<std::size_t>;
                    { c.compress(from, to) } noexcept -> std::same_as<Result<std::size_t>>;
                    { c.decompress(from, to) } noexcept -> std::same_as<Result<void>>;
                };

}  // namespace bobbin

#endif
