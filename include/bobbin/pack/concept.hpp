#ifndef BOBBIN_PACK_CONCEPT_HPP
#define BOBBIN_PACK_CONCEPT_HPP

#include <bobbin/core/result.hpp>
#include <bobbin/digest/sha256.hpp>
#include <bobbin/pack/content.hpp>
#include <bobbin/pack/pack_writer.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>

namespace bobbin::pack {

/// Where a save puts its chunks.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `s.contains(address)` | `bool` | it is stored, or somebody has claimed it |
/// | `s.claim(address)` | `Result<bool>` | true: neither was so, and the caller must add it now |
/// | `s.add_encoded(chunks, codec, stored)` | `Result<void>` | a record of chunks that the caller has claimed, as `PackWriter::add_encoded` takes it |
///
/// A claimed chunk that is not added fails all that is committed after it. Internally synchronised.
/// Model: `PackStore`.
template <class S>
concept ChunkSink = requires(S& s, const Address& address, std::span<const NewChunk<Sha256>> chunks,
                             std::uint8_t codec, ByteView stored) {
    { s.contains(address) } -> std::same_as<bool>;
    { s.claim(address) } -> std::same_as<Result<bool>>;
    { s.add_encoded(chunks, codec, stored) } -> std::same_as<Result<void>>;
};

/// Where chunks are read from.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `S::Location` | totally ordered | small, and in the order of the disk |
/// | `s.locate(address)` | `std::optional<Location>` | of one copy; none: it is not there |
/// | `s.read(location)` | `Result<ByteView>` | the whole chunk, checked, until the next call |
/// | `s.read(address)` | `Result<ByteView>` | likewise, from another copy where one is damaged; `chunk_missing` where there is none, and never where it may be in what could not be read |
///
/// External sync: one for each thread. Model: `PackStore::Reader`.
template <class S>
concept ChunkSource = std::totally_ordered<typename S::Location> &&
                      requires(S& s, const Address& address, const typename S::Location& location) {
                          {
                              s.locate(address)
                          } -> std::same_as<std::optional<typename S::Location>>;
                          { s.read(location) } -> std::same_as<Result<ByteView>>;
                          { s.read(address) } -> std::same_as<Result<ByteView>>;
                      };

}  // namespace bobbin::pack

#endif
