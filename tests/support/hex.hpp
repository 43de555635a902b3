#ifndef BOBBIN_TESTS_SUPPORT_HEX_HPP
#define BOBBIN_TESTS_SUPPORT_HEX_HPP

#include <bobbin/core/bytes.hpp>

#include <cstddef>
#include <string>

namespace bobbin_tests {

/// Two lower-case digits a byte.
inline std::string hex(bobbin::ByteView bytes) {
    std::string text;
    for (const auto byte : bytes) {
        text += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4];
        text += "0123456789abcdef"[std::to_integer<unsigned>(byte) & 15];
    }
    return text;
}

}  // namespace bobbin_tests

#endif
