#ifndef BOBBIN_FS_IDENTITY_HPP
#define BOBBIN_FS_IDENTITY_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/crc32c.hpp>
#include <bobbin/core/ids.hpp>
#include <bobbin/core/result.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>

namespace bobbin {

/// One open as both sides know it.
struct OpenRecord {
    OpenId id;
    Uuid uuid;
    friend bool operator==(const OpenRecord&, const OpenRecord&) = default;
};

/// What a directory says of itself: which store it belongs to and the last opens it saw.
struct DirectoryIdentity {
    static constexpr std::uint32_t version = 1;
    static constexpr std::size_t encoded_size = 128;

    Uuid store;
    Uuid directory;
    std::optional<OpenRecord> complete;     ///< the last open that both sides completed
    std::optional<OpenRecord> in_progress;  ///< begun here; the store may or may not have it

    friend bool operator==(const DirectoryIdentity&, const DirectoryIdentity&) = default;

    /// @source docs/formats.md, "Identity file"
    std::array<std::byte, encoded_size> encode() const noexcept {
        std::array<std::byte, encoded_size> out{};
        std::ranges::copy(as_bytes(magic), out.begin());
        store_le(out.data() + 8, version);
        put(out, 16, store);
        put(out, 32, directory);
        put(out, 48, complete);
        put(out, 72, in_progress);
        store_le(out.data() + encoded_size - 4, crc32c(std::span{out}.first(encoded_size - 4)));
        return out;
    }

    /// @errors `identity_malformed`, `identity_version_unknown`
    static Result<DirectoryIdentity> decode(ByteView bytes) noexcept {
        const Error malformed{Errc::identity_malformed, Operation::identify};
        if (bytes.size() != encoded_size) return malformed;
        if (as_text(bytes.first(8)) != magic) return malformed;
        if (load_le<std::uint32_t>(bytes.data() + encoded_size - 4) !=
            crc32c(bytes.first(encoded_size - 4)))
            return malformed;
        if (load_le<std::uint32_t>(bytes.data() + 8) != version)
            return Error{Errc::identity_version_unknown, Operation::identify};
        DirectoryIdentity identity;
        identity.store = get(bytes, 16);
        identity.directory = get(bytes, 32);
        identity.complete = get_open(bytes, 48);
        identity.in_progress = get_open(bytes, 72);
        return identity;
    }

private:
    static constexpr std::string_view magic{"BOBBINdi", 8};

    static void put(std::span<std::byte> out, std::size_t at, const Uuid& uuid) noexcept {
        std::ranges::copy(uuid.bytes, out.begin() + static_cast<std::ptrdiff_t>(at));
    }
    static void put(std::span<std::byte> out, std::size_t at,
                    const std::optional<OpenRecord>& open) noexcept {
        if (!open) return;
        store_le(out.data() + at, open->id.value);
        put(out, at + 8, open->uuid);
    }
    static Uuid get(ByteView bytes, std::size_t at) noexcept {
        Uuid uuid;
        std::ranges::copy(bytes.subspan(at, 16), uuid.bytes.begin());
        return uuid;
    }
    static std::optional<OpenRecord> get_open(ByteView bytes, std::size_t at) noexcept {
        const OpenId id{load_le<std::uint32_t>(bytes.data() + at)};
        if (id.value == 0) return {};
        return OpenRecord{id, get(bytes, at + 8)};
    }
};

/// Both identities field by field, for the message that refuses a directory.
/// @allocates the text
inline std::string describe(const DirectoryIdentity& identity) {
    const auto open = [](const std::optional<OpenRecord>& record) {
        return record ? std::to_string(record->id.value) + " (" + to_string(record->uuid) + ")"
                      : std::string{"none"};
    };
    return "store " + to_string(identity.store) + ", directory " + to_string(identity.directory) +
           ", last complete open " + open(identity.complete) + ", open in progress " +
           open(identity.in_progress);
}

}  // namespace bobbin

#endif
