#ifndef BOBBIN_CORE_IDS_HPP
#define BOBBIN_CORE_IDS_HPP

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace bobbin {

/// An ordered sequence of objects with one retention limit. Given out by the store, from 1.
struct StreamId {
    std::uint32_t value = 0;
    friend constexpr auto operator<=>(StreamId, StreamId) = default;
};

/// The number of an object in its stream, from 1. Never used twice.
using Sequence = std::uint32_t;

/// One immutable data file, its index and its row.
struct ObjectId {
    std::uint64_t value = 0;

    constexpr ObjectId() = default;
    constexpr explicit ObjectId(std::uint64_t number) noexcept : value{number} {}
    constexpr ObjectId(StreamId stream, Sequence sequence) noexcept
        : value{(std::uint64_t{stream.value} << 32) | sequence} {}

    constexpr StreamId stream() const noexcept {
        return {static_cast<std::uint32_t>(value >> 32)};
    }
    constexpr Sequence sequence() const noexcept { return static_cast<Sequence>(value); }
    constexpr explicit operator bool() const noexcept { return value != 0; }
    friend constexpr auto operator<=>(ObjectId, ObjectId) = default;
};

/// No object: what `Writer::end` answers when nothing was written.
inline constexpr ObjectId no_object{};

/// A place for data files, as the store numbers it, from 1.
struct DirectoryId {
    std::uint32_t value = 0;
    friend constexpr auto operator<=>(DirectoryId, DirectoryId) = default;
};

/// One period in which a program had the store open for writing, from 1.
struct OpenId {
    std::uint32_t value = 0;
    friend constexpr auto operator<=>(OpenId, OpenId) = default;
};

/// 128 bits as in RFC 9562; version 4 where we make them.
struct Uuid {
    std::array<std::byte, 16> bytes{};
    friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;
    constexpr bool is_nil() const noexcept { return *this == Uuid{}; }
};

std::string to_string(const Uuid& uuid);

/// Names a layout of bytes in a row, such as `video.v1`: 1 to 15 characters of a-z, 0-9, '.' and '-'.
class FormatId {
public:
    constexpr FormatId() = default;
    consteval explicit FormatId(const char* name) : FormatId{std::string_view{name}, 0} {}

    /// For names that come from disk; empty where `name` could not be one.
    static constexpr std::optional<FormatId> parse(std::string_view name) noexcept {
        if (name.empty() || name.size() >= capacity) return {};
        for (char c : name)
            if (!is_allowed(c)) return {};
        return FormatId{name, 0};
    }

    constexpr std::string_view name() const noexcept {
        return std::string_view{name_.data()};
    }
    friend constexpr auto operator<=>(const FormatId&, const FormatId&) = default;

private:
    static constexpr std::size_t capacity = 16;
    static constexpr bool is_allowed(char c) noexcept {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    }
    constexpr FormatId(std::string_view name, int) {
        if (name.empty() || name.size() >= capacity) throw "FormatId: 1 to 15 characters";
        for (std::size_t i = 0; i < name.size(); ++i) {
            if (!is_allowed(name[i])) throw "FormatId: only a-z, 0-9, '.' and '-'";
            name_[i] = name[i];
        }
    }
    std::array<char, capacity> name_{};
};

/// The name of an object's data file: exactly 16 lower-case hexadecimal digits, stream first.
class ObjectName {
public:
    explicit constexpr ObjectName(ObjectId id) noexcept {
        for (std::size_t i = 0; i < 16; ++i)
            text_[i] = "0123456789abcdef"[(id.value >> (60 - 4 * i)) & 15];
    }

    /// Empty for every name that is not exactly of that form.
    static constexpr std::optional<ObjectId> parse(std::string_view name) noexcept {
        if (name.size() != 16) return {};
        std::uint64_t value = 0;
        for (char c : name) {
            std::uint64_t digit = 0;
            if (c >= '0' && c <= '9')
                digit = static_cast<std::uint64_t>(c - '0');
            else if (c >= 'a' && c <= 'f')
                digit = static_cast<std::uint64_t>(c - 'a') + 10;
            else
                return {};
            value = (value << 4) | digit;
        }
        return ObjectId{value};
    }

    constexpr const char* c_str() const noexcept { return text_.data(); }
    constexpr operator std::string_view() const noexcept { return {text_.data(), 16}; }

private:
    std::array<char, 17> text_{};
};

inline std::string to_string(const Uuid& uuid) {
    std::string text;
    for (std::size_t i = 0; i < uuid.bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        const auto byte = std::to_integer<unsigned>(uuid.bytes[i]);
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

}  // namespace bobbin

template <>
struct std::hash<bobbin::ObjectId> {
    std::size_t operator()(bobbin::ObjectId id) const noexcept {
        return std::hash<std::uint64_t>{}(id.value);
    }
};
template <>
struct std::hash<bobbin::StreamId> {
    std::size_t operator()(bobbin::StreamId id) const noexcept {
        return std::hash<std::uint32_t>{}(id.value);
    }
};

#endif
