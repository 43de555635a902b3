// Packs in memory, to be read, bent and cut off.
#ifndef BOBBIN_TESTS_PACK_PACKS_HPP
#define BOBBIN_TESTS_PACK_PACKS_HPP

#include <bobbin/codec/lz4.hpp>
#include <bobbin/codec/none.hpp>
#include <bobbin/codec/zstd.hpp>
#include <bobbin/digest/sha256.hpp>
#include <bobbin/digest/xxh3.hpp>
#include <bobbin/pack/pack_reader.hpp>
#include <bobbin/pack/pack_writer.hpp>
#include <bobbin/testing/detail/random.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

namespace bobbin_tests {

using Buffer = std::vector<std::byte>;

inline constexpr bobbin::Uuid a_store{{std::byte{1}, std::byte{2}, std::byte{3}}};

/// A file that is a copy of bytes; it answers an error at and behind `fails_from`.
struct MemoryFile {
    Buffer bytes;
    std::uint64_t fails_from = UINT64_MAX;

    bobbin::Result<std::size_t> read_at(bobbin::MutableByteView to,
                                        std::uint64_t offset) const noexcept {
        if (offset + to.size() > fails_from)
            return bobbin::Error::system(EIO, bobbin::Operation::read);
        if (offset >= bytes.size()) return std::size_t{0};
        const auto size = std::min<std::uint64_t>(to.size(), bytes.size() - offset);
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), size, to.begin());
        return static_cast<std::size_t>(size);
    }
    bobbin::Result<bobbin::FileStatus> status() const noexcept {
        return bobbin::FileStatus{bobbin::Bytes{bytes.size()}, true, false, 1};
    }
};

/// A sink that keeps all bytes, and counts them as the engine would.
struct MemorySink {
    std::shared_ptr<Buffer> bytes = std::make_shared<Buffer>();
    std::shared_ptr<bobbin::pack::PackIndex> index = std::make_shared<bobbin::pack::PackIndex>();
    std::uint64_t fails_from = UINT64_MAX;

    bobbin::Result<void> operator()(bobbin::ByteView part, bobbin::pack::PackIndex::Record record) {
        if (bytes->size() + part.size() > fails_from)
            return bobbin::Error::system(ENOSPC, bobbin::Operation::write);
        if (auto added = index->add(record, bobbin::Bytes{part.size()}); !added) return added;
        bytes->insert(bytes->end(), part.begin(), part.end());
        return {};
    }
};

using Known = bobbin::Codecs<bobbin::NoCodec, bobbin::Lz4, bobbin::Zstd>;
template <class D = bobbin::Sha256>
using MemoryReader = bobbin::pack::PackReader<MemoryFile, D, Known>;
template <class C = bobbin::Lz4, class D = bobbin::Sha256>
using MemoryWriter = bobbin::pack::PackWriter<D, C, MemorySink>;

/// Text-like bytes: they shrink.
inline Buffer some_text(std::size_t size, std::uint64_t seed) {
    bobbin::testing::detail::Random random{seed};
    Buffer bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = i % 16 < 12 ? static_cast<std::byte>('a' + i % 16)
                               : static_cast<std::byte>('0' + random() % 10);
    return bytes;
}
/// Bytes that do not.
inline Buffer some_noise(std::size_t size, std::uint64_t seed) {
    bobbin::testing::detail::Random random{seed};
    Buffer bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    return bytes;
}

/// Chunks that were concatenated, as a group.
template <class D>
std::vector<bobbin::pack::NewChunk<D>> group_of(const std::vector<Buffer>& parts, Buffer& raw) {
    std::vector<bobbin::pack::NewChunk<D>> chunks;
    for (const auto& part : parts) {
        chunks.push_back({bobbin::digest_of<D>(part), static_cast<std::uint32_t>(part.size())});
        raw.insert(raw.end(), part.begin(), part.end());
    }
    return chunks;
}

}  // namespace bobbin_tests

#endif
