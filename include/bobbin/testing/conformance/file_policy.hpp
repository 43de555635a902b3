#ifndef BOBBIN_TESTING_CONFORMANCE_FILE_POLICY_HPP
#define BOBBIN_TESTING_CONFORMANCE_FILE_POLICY_HPP

#include <bobbin/file/concept.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::testing::conformance {

/// Checks what `FilePolicy` promises and a compiler can't see. `make()` gives an `F` over a new
/// empty file, `read(f)` the bytes that its kernel has for `f` as a string.
/// Returns one line for each broken promise: none is a pass.
template <FilePolicy F, class Make, class Read>
    requires std::is_invocable_r_v<F, Make&> && std::is_invocable_r_v<std::string, Read&, F&>
std::vector<std::string> file_policy(Make make, Read read) {
    std::vector<std::string> broken;
    const auto expect = [&](bool held, const char* promise) {
        if (!held) broken.emplace_back(promise);
    };

    F file = make();
    expect(file.size() == Bytes{}, "a new file is empty");
    expect(file.append({}).value_or(std::size_t{1}) == 0, "nothing is appended");
    std::string all;
    for (const std::size_t size : {1u, 4095u, 4096u, 4097u, 100000u, 1u}) {
        const std::string part(size, static_cast<char>('a' + all.size() % 26));
        const auto taken = file.append(as_bytes(part));
        expect(taken && *taken == part.size(), "bytes are taken whole where nothing fails");
        all += part;
        expect(file.size() == Bytes{all.size()}, "the size counts what was taken");
    }
    expect(file.flush().has_value() && read(file) == all, "after a flush the kernel has it all");
    const auto synced = file.sync();
    expect(synced && synced.outcome() == SyncResult::Outcome::durable, "a sync makes it durable");
    expect(static_cast<bool>(file.sync()), "a second sync has nothing to do");

    const auto more = file.append(as_bytes("more"));
    expect(more && *more == 4, "it grows after a sync");
    all += "more";
    F moved = std::move(file);
    expect(moved.size() == Bytes{all.size()}, "the size moves along");
    expect(moved.sync() && read(moved) == all, "so does what was held back");
    expect(moved.close().has_value() && moved.close().has_value(), "it may be closed twice");

    if constexpr (requires(F& f, ByteView bytes) { f.write_at(bytes, std::uint64_t{}); }) {
        F patched = make();
        std::string text(300'000, 'p');
        expect(patched.append(as_bytes(text)).value_or(std::size_t{0}) == text.size(), "it grows");
        for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{4090}, std::uint64_t{200'000},
                                       std::uint64_t{299'998}}) {
            expect(patched.write_at(as_bytes("PATCH"), at).has_value(), "it is patched");
            text.resize(std::max<std::size_t>(text.size(), at + 5));
            text.replace(at, 5, "PATCH");
        }
        expect(patched.size() == Bytes{text.size()}, "a patch past the end makes it grow");
        expect(patched.append(as_bytes("end")).value_or(std::size_t{0}) == 3, "it grows at its end");
        text += "end";
        expect(patched.flush().has_value() && read(patched) == text, "patches are where they belong");
        for (const auto offset : {std::uint64_t{1} << 63, UINT64_MAX}) {
            const auto far = patched.write_at(as_bytes("PATCH"), offset);
            expect(!far && far.error().kind() == ErrorKind::bad_input, "no offset overflows");
        }
        expect(static_cast<bool>(patched.sync()) && read(patched) == text, "patches are synced");
    }
    if constexpr (requires(F& f) { f.truncate(Bytes{}); }) {
        F cut = make();
        expect(cut.append(as_bytes("abcdef")) && cut.truncate(Bytes{2}), "it is cut");
        expect(cut.append(as_bytes("xy")) && cut.flush() && read(cut) == "abxy" &&
                   cut.size() == Bytes{4},
               "it grows from where it was cut");
    }

    F first = make(), second = make();
    expect(first.append(as_bytes("one")) && second.append(as_bytes("two")), "two files are open");
    first = std::move(second);
    expect(first.flush() && read(first) == "two", "an assignment closes what was open");
    { const F unsynced = make(); }
    return broken;
}

}  // namespace bobbin::testing::conformance

#endif
