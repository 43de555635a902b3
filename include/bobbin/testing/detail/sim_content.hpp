#ifndef BOBBIN_TESTING_DETAIL_SIM_CONTENT_HPP
#define BOBBIN_TESTING_DETAIL_SIM_CONTENT_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/testing/detail/hash.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace bobbin::testing::detail {

/// The bytes of one chunk. Never changed once shared. The hash is computed when first asked for.
class SimChunk {
public:
    explicit SimChunk(std::size_t size) : bytes_(size) {}
    explicit SimChunk(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
    SimChunk(const SimChunk& other) : bytes_{other.bytes_} {}
    SimChunk& operator=(const SimChunk&) = delete;

    ByteView bytes() const noexcept { return bytes_; }
    MutableByteView bytes() noexcept { return bytes_; }

    Hash128 hash() const noexcept {
        if (!hash_) {
            Hasher hasher;
            hasher.add(ByteView{bytes_});
            hash_ = hasher.result();
        }
        return *hash_;
    }

private:
    std::vector<std::byte> bytes_;
    mutable std::optional<Hash128> hash_;
};

/// Null stands for zeros.
using ChunkRef = std::shared_ptr<const SimChunk>;

/// A copy with zeros from `keep` on.
inline ChunkRef cut_chunk(const ChunkRef& chunk, std::size_t keep) {
    if (!chunk) return chunk;
    const auto tail = chunk->bytes().subspan(keep);
    if (std::ranges::all_of(tail, [](std::byte b) { return b == std::byte{}; })) return chunk;
    auto copy = std::make_shared<SimChunk>(*chunk);
    std::ranges::fill(copy->bytes().subspan(keep), std::byte{});
    return copy;
}

/// What is in one file. All bytes past `size` are zero.
struct SimContent {
    std::uint64_t size = 0;
    std::vector<ChunkRef> chunks;

    const ChunkRef& chunk(std::uint64_t index) const noexcept {
        static const ChunkRef zeros;
        return index < chunks.size() ? chunks[index] : zeros;
    }
    void set_chunk(std::uint64_t index, ChunkRef chunk) {
        if (index >= chunks.size()) {
            if (!chunk) return;
            chunks.resize(index + 1);
        }
        chunks[index] = std::move(chunk);
        hash_.reset();
    }
    void set_size(std::uint64_t bytes) noexcept {
        size = bytes;
        hash_.reset();
    }
    /// Drops what lies past `size`.
    void trim(std::size_t chunk_size) {
        const auto whole = size / chunk_size, rest = size % chunk_size;
        const auto keep = whole + (rest != 0 ? 1 : 0);
        if (chunks.size() > keep) chunks.resize(keep);
        if (rest != 0 && chunks.size() == keep) chunks.back() = cut_chunk(chunks.back(), rest);
        while (!chunks.empty() && !chunks.back()) chunks.pop_back();
        hash_.reset();
    }
    std::uint64_t chunk_count() const noexcept {
        return static_cast<std::uint64_t>(
            std::ranges::count_if(chunks, [](const ChunkRef& c) { return c != nullptr; }));
    }
    Hash128 hash() const noexcept {
        if (!hash_) {
            Hasher hasher;
            hasher.add(size);
            for (std::size_t i = 0; i < chunks.size(); ++i)
                if (chunks[i]) {
                    hasher.add(std::uint64_t{i});
                    hasher.add(chunks[i]->hash());
                }
            hash_ = hasher.result();
        }
        return *hash_;
    }

private:
    mutable std::optional<Hash128> hash_;
};

using ContentRef = std::shared_ptr<SimContent>;

/// The content behind `ref`, copied first if somebody else holds it as well.
inline SimContent& own_content(ContentRef& ref) {
    if (ref.use_count() > 1) ref = std::make_shared<SimContent>(*ref);
    return *ref;
}

}  // namespace bobbin::testing::detail

#endif
