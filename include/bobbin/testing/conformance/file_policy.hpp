#ifndef BOBBIN_TESTING_CONFORMANCE_FILE_POLICY_HPP
#define BOBBIN_TESTING_CONFORMANCE_FILE_POLICY_HPP

#include <bobbin/file/concept.hpp>

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

    F first = make(), second = make();
    expect(first.append(as_bytes("one")) && second.append(as_bytes("two")), "two files are open");
    first = std::move(second);
    expect(first.flush() && read(first) == "two", "an assignment closes what was open");
    { const F unsynced = make(); }
    return broken;
}

}  // namespace bobbin::testing::conformance

#endif
