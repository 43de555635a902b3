#ifndef BOBBIN_TESTING_CONFORMANCE_DIRECTORY_HPP
#define BOBBIN_TESTING_CONFORMANCE_DIRECTORY_HPP

#include <bobbin/fs/directory.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::testing::conformance {

/// Checks what `Directory` promises and a compiler can't see. `open()` gives a `D` on one and the
/// same place each time, which is empty at first and left so but for names of its own.
/// Returns one line for each broken promise: none is a pass.
template <Directory D, class Open>
    requires std::is_invocable_r_v<D, Open&>
std::vector<std::string> directory(Open open) {
    std::vector<std::string> broken;
    const auto expect = [&](bool held, const char* promise) {
        if (!held) broken.emplace_back(promise);
        return held;
    };
    const ObjectId one{StreamId{1}, 1}, two{StreamId{0xFFFFFFFF}, 0xFFFFFFFF};
    const auto has = [](const D& d, const char* name) {
        const auto names = d.list();
        return names && std::ranges::find(*names, name) != names->end();
    };

    std::optional<D> d{open()};
    expect(d->lock().has_value(), "it is locked");
    {
        D other = open();
        const auto locked = other.lock();
        expect(!locked && locked.error().is(Errc::directory_in_use), "the lock is exclusive");
        expect(locked.error().kind() == ErrorKind::locked, "and says so");
    }

    const auto missing = d->read_identity();
    expect(missing && !*missing, "a new place has no identity");
    DirectoryIdentity identity;
    identity.store.bytes[0] = std::byte{1};
    identity.directory.bytes[0] = std::byte{2};
    for (std::uint32_t n = 1; n <= 2; ++n) {
        identity.in_progress = OpenRecord{OpenId{n}, Uuid{}};
        expect(d->write_identity(identity).has_value(), "an identity is written");
        const auto read = d->read_identity();
        expect(read && *read == std::optional{identity}, "the identity is read as it was written");
    }

    expect(d->exists(one).value_or(true) == false, "an object that was never made does not exist");
    const auto unopened = d->open(one);
    expect(!unopened && unopened.error().subject == Subject{one}, "an error names the object");
    for (const auto id : {one, two}) {
        auto file = d->create(id);
        if (!expect(file.has_value(), "an object is created")) return broken;
        const auto taken = file->append(as_bytes("hello"));
        expect(taken && *taken == 5 && file->flush() && file->sync() && file->close(),
               "it is written");
        expect(!d->create(id), "creation is exclusive");
        expect(d->exists(id).value_or(false), "it exists");
        auto reader = d->open(id);
        std::array<std::byte, 8> to{};
        const auto got = reader ? reader->read_at(to, 1) : Result<std::size_t>{reader.error()};
        expect(got && as_text(ByteView{to}.first(*got)) == "ello", "it is read from any offset");
    }
    expect(d->sync().has_value(), "names are synced");
    expect(has(*d, "0000000100000001") && has(*d, "ffffffffffffffff"),
           "the names are those of the objects");

    if constexpr (requires { d->open_to_cut(one); }) {
        auto file = d->open_to_cut(one);
        expect(file && file->truncate(Bytes{2}) && file->sync(), "an object is cut back");
        auto reader = d->open(one);
        std::array<std::byte, 8> to{};
        expect(reader && reader->read_at(to, 0).value_or(std::size_t{9}) == 2,
               "what was cut off is gone");
    }
    const auto space = d->space();
    expect(space && space->available <= space->total, "space is told");

    for (const auto id : {one, two}) {
        auto reader = d->open(id);
        expect(d->remove(id).has_value(), "an object is removed");
        std::array<std::byte, 2> to{};
        expect(reader && reader->read_at(to, 0).value_or(std::size_t{0}) == 2,
               "an open reader goes on");
        const auto again = d->remove(id);
        expect(!again && again.error().is_errno(ENOENT) && again.error().subject == Subject{id},
               "it is removed once");
        expect(!d->exists(id).value_or(true), "it does not exist any more");
    }
    expect(d->sync().has_value() && !has(*d, "0000000100000001"), "removed names are not listed");

    d.reset();
    D next = open();
    expect(next.lock().has_value(), "the lock ends with the object");
    D moved = std::move(next);
    D third = open();
    expect(!third.lock(), "a lock moves along");
    return broken;
}

}  // namespace bobbin::testing::conformance

#endif
