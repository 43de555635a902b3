#ifndef BOBBIN_TESTS_PACK_TREES_HPP
#define BOBBIN_TESTS_PACK_TREES_HPP

#include <bobbin/pack/content.hpp>

#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace bobbin_tests {

// "01 ff 11*32": hexadecimal bytes, the last one so many times.
inline std::vector<std::byte> bytes(std::string_view text) {
    const auto digit = [](char c) -> unsigned {
        const auto at = std::string_view{"0123456789abcdef"}.find(c);
        if (at == std::string_view::npos) throw std::runtime_error{"not hexadecimal"};
        return static_cast<unsigned>(at);
    };
    std::vector<std::byte> out;
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] == ' ') {
            ++i;
        } else if (text[i] == '*') {
            std::size_t count = 0;
            for (++i; i < text.size() && text[i] != ' '; ++i) count = 10 * count + digit(text[i]);
            out.insert(out.end(), count - 1, std::byte{out.back()});
        } else {
            out.push_back(static_cast<std::byte>(digit(text.at(i)) << 4 | digit(text.at(i + 1))));
            i += 2;
        }
    }
    return out;
}

inline bobbin::pack::Address repeated(unsigned byte) {
    bobbin::pack::Address at;
    at.fill(static_cast<std::byte>(byte));
    return at;
}

// One for each number, with all bytes as good as random.
inline bobbin::pack::Address address(std::uint64_t number) {
    bobbin::pack::Address at;
    for (std::size_t i = 0; i < at.size(); i += 8) {
        number += 0x9e3779b97f4a7c15;
        auto mixed = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        bobbin::store_le(at.data() + i, mixed ^ (mixed >> 31));
    }
    return at;
}

}  // namespace bobbin_tests

#endif
