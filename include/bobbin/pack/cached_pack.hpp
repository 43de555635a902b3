#ifndef BOBBIN_PACK_CACHED_PACK_HPP
#define BOBBIN_PACK_CACHED_PACK_HPP

#include <bobbin/core/ids.hpp>

#include <compare>
#include <cstdint>

namespace bobbin::pack {

/// A pack as a cache knows it.
struct CachedPack {
    ObjectId id;
    /// Tells its file from every other that may have had this number, as in a store that was
    /// restored from an older copy: to be made of its size and digest.
    std::uint64_t mark = 0;
    friend constexpr auto operator<=>(const CachedPack&, const CachedPack&) = default;
};

}  // namespace bobbin::pack

#endif
