#ifndef BOBBIN_STORE_UUID_HPP
#define BOBBIN_STORE_UUID_HPP

#include <bobbin/core/ids.hpp>

#include <sys/random.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>

namespace bobbin {

/// Where a store takes UUIDs from; a test gives one that can be repeated.
using UuidSource = Uuid (*)() noexcept;

/// 122 random bits of the operating system as a version 4 UUID.
/// @source RFC 9562, section 5.4
inline Uuid random_uuid() noexcept {
    Uuid uuid;
    // Up to 256 bytes come whole once the system is up (getrandom(2)); an error means that there is
    // no such call, and an identity that is not unique would be worse than none.
    while (::getrandom(uuid.bytes.data(), uuid.bytes.size(), 0) != 16)
        if (errno != EINTR) std::abort();
    uuid.bytes[6] = (uuid.bytes[6] & std::byte{0x0f}) | std::byte{0x40};
    uuid.bytes[8] = (uuid.bytes[8] & std::byte{0x3f}) | std::byte{0x80};
    return uuid;
}

}  // namespace bobbin

#endif
