#ifndef BOBBIN_TESTING_CONFORMANCE_DIGEST_HPP
#define BOBBIN_TESTING_CONFORMANCE_DIGEST_HPP

#include <bobbin/digest/concept.hpp>
#include <bobbin/testing/detail/random.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::testing::conformance {

/// Checks what `Digest` promises and a compiler can't see, for a digest `D`. Returns one line for
/// each broken promise: none is a pass.
/// @allocates the report and what is hashed
template <Digest D>
std::vector<std::string> digest() {
    std::vector<std::string> broken;
    const auto expect = [&](bool held, const char* promise) {
        if (!held) broken.emplace_back(std::string{D::format_id.name()} + ": " + promise);
    };
    testing::detail::Random random{7};
    std::vector<std::byte> bytes(5000);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    const ByteView all{bytes};

    expect(D{}.finish() == digest_of<D>({}), "a new one is that of no bytes");
    for (std::size_t size = 0; size <= bytes.size(); size += 1 + size / 3) {
        const auto part = all.first(size);
        D whole;
        whole.update(part);
        const auto expected = whole.finish();
        expect(whole.finish() == expected, "finish() changes nothing");
        expect(digest_of<D>(part) == expected, "of() is update() and finish()");

        D pieces;
        for (auto left = part; !left.empty();) {
            const auto n = std::size_t{1} + static_cast<std::size_t>(random() % left.size());
            pieces.update(left.first(n));
            pieces.update({});
            static_cast<void>(pieces.finish());
            left = left.subspan(n);
        }
        expect(pieces.finish() == expected, "the digest does not depend on the pieces");

        D copy = whole;
        copy.update(all);
        expect(whole.finish() == expected, "a copy goes on by itself");
        D moved = std::move(copy);
        copy = whole;
        expect(copy.finish() == expected, "what was moved from can be assigned to");
        whole.update(all);
        expect(whole.finish() == moved.finish(), "a copy goes on as the original does");
        whole = D{};
        expect(whole.finish() == digest_of<D>({}), "a new one begins anew");
        if (D::size != 0 && size != 0) {
            auto bent = bytes;
            bent[static_cast<std::size_t>(random() % size)] ^= std::byte{0x10};
            expect(digest_of<D>(ByteView{bent}.first(size)) != expected, "a changed bit is seen");
        }
    }
    return broken;
}

}  // namespace bobbin::testing::conformance

#endif
