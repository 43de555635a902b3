#ifndef BOBBIN_TESTING_CONFORMANCE_CHUNKER_HPP
#define BOBBIN_TESTING_CONFORMANCE_CHUNKER_HPP

#include <bobbin/pack/chunker.hpp>
#include <bobbin/testing/detail/random.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace bobbin::testing {

/// The sizes of the chunks into which `chunker` cuts `bytes`; `next()` tells how many bytes the next
/// call gets, at least 1.
template <pack::Chunker C, class Next>
std::vector<std::size_t> cut_sizes(C& chunker, ByteView bytes, Next&& next) {
    std::vector<std::size_t> sizes;
    std::size_t open = 0;
    while (!bytes.empty()) {
        const auto part = bytes.first(std::min<std::size_t>(bytes.size(), next()));
        const auto cut = chunker.find_cut(part);
        open += cut.value_or(part.size());
        if (cut) {
            sizes.push_back(open);
            open = 0;
        }
        if (cut && (*cut == 0 || *cut > part.size())) return {};
        bytes = bytes.subspan(cut.value_or(part.size()));
    }
    if (open != 0) sizes.push_back(open);
    chunker.reset();
    return sizes;
}

}  // namespace bobbin::testing

namespace bobbin::testing::conformance {

/// Checks what `Chunker` promises and a compiler can't see, for a chunker like `chunker`. Returns one
/// line for each broken promise: none is a pass.
/// @allocates the report and what is cut
template <pack::Chunker C>
std::vector<std::string> chunker(C chunker = C{}) {
    std::vector<std::string> broken;
    const auto expect = [&](bool held, const char* promise) {
        if (!held) broken.emplace_back(promise);
    };
    expect(chunker.largest() >= 1 && chunker.largest() <= pack::largest_record,
           "the longest chunk fits into a record");
    C fresh = chunker;
    testing::detail::Random random{3};
    std::vector<std::byte> bytes(std::min<std::size_t>(3 * chunker.largest() + 12345, 2'000'003));
    for (const bool is_noise : {true, false}) {
        if (is_noise)
            std::ranges::generate(bytes, [&] { return static_cast<std::byte>(random()); });
        else
            std::ranges::fill(bytes, std::byte{0});
        const auto whole = cut_sizes(chunker, bytes, [&] { return bytes.size(); });
        expect(!whole.empty(), "a cut lies behind the first byte and not behind the last");
        expect(
            std::ranges::all_of(whole, [&](std::size_t size) { return size <= chunker.largest(); }),
            "no chunk is longer than the longest");
        const auto same = [&](auto&& next) { return cut_sizes(chunker, bytes, next) == whole; };
        expect(same([] { return std::size_t{1}; }),
               "cuts do not depend on the calls: single bytes");
        expect(same([] { return std::size_t{4096}; }), "cuts do not depend on the calls: pages");
        expect(same([&] { return 1 + static_cast<std::size_t>(random() % 100'000); }),
               "cuts do not depend on the calls: any number of bytes");
        // With nothing in between.
        std::size_t calls = 0;
        C copy = chunker;
        std::vector<std::size_t> sizes;
        for (ByteView left{bytes}; !left.empty() && calls <= bytes.size(); ++calls) {
            static_cast<void>(copy.find_cut({}));
            const auto cut = copy.find_cut(left);
            sizes.push_back(cut.value_or(left.size()));
            left = left.subspan(sizes.back());
        }
        expect(sizes == whole, "no bytes are no cut, and a copy cuts as the original does");
    }
    static_cast<void>(chunker.find_cut(ByteView{bytes}.first(1)));
    chunker.reset();
    expect(cut_sizes(chunker, bytes, [&] { return bytes.size(); }) ==
               cut_sizes(fresh, bytes, [&] { return bytes.size(); }),
           "reset() begins anew");
    return broken;
}

}  // namespace bobbin::testing::conformance

#endif
