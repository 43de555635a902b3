#ifndef BOBBIN_DIGEST_BLOCKS_HPP
#define BOBBIN_DIGEST_BLOCKS_HPP

#include <bobbin/core/result.hpp>
#include <bobbin/digest/concept.hpp>

#include <algorithm>
#include <span>
#include <vector>

namespace bobbin {

/// The list of block digests of bytes that arrive in order, and the digest over that list.
template <Digest D>
class BlockDigests {
public:
    /// @allocates one digest a block
    void update(ByteView bytes) {
        while (!bytes.empty()) {
            const auto room = digest_block_size - in_block_;
            const auto part = bytes.first(std::min(room, bytes.size()));
            block_.update(part);
            in_block_ += part.size();
            bytes = bytes.subspan(part.size());
            if (in_block_ == digest_block_size) {
                const auto digest = block_.finish();
                whole_.update(digest);
                complete_.insert(complete_.end(), digest.begin(), digest.end());
                block_ = D{};
                in_block_ = 0;
            }
        }
    }

    /// Blocks that are complete.
    std::uint32_t complete_blocks() const noexcept {
        return D::size == 0 ? 0 : static_cast<std::uint32_t>(complete_.size() / D::size);
    }

    /// Of all bytes so far.
    std::array<std::byte, D::size> finish() const noexcept {
        D whole = whole_;
        if (in_block_ != 0) whole.update(block_.finish());
        return whole.finish();
    }

    /// What a mark persists: the number of block `first` and how many follow, 32 bits each, then the
    /// digests from there on, the open block's last. A later piece overrules an earlier one.
    /// @allocates the result
    std::vector<std::byte> piece_from(std::uint32_t first) const {
        const auto skip = std::min<std::size_t>(std::size_t{first} * D::size, complete_.size());
        const auto complete = complete_.size() - skip;
        const auto open = in_block_ != 0 ? D::size : 0;
        std::vector<std::byte> piece(8 + complete + open);
        store_le(piece.data(), first);
        if constexpr (D::size != 0)
            store_le(piece.data() + 4, static_cast<std::uint32_t>((complete + open) / D::size));
        const auto list = std::span{piece}.subspan(8);
        std::ranges::copy(std::span{complete_}.subspan(skip), list.begin());
        if (open != 0) std::ranges::copy(block_.finish(), list.last(open).begin());
        return piece;
    }

private:
    D block_;
    D whole_;
    std::size_t in_block_ = 0;
    std::vector<std::byte> complete_;
};

/// Whether `list` has one digest for each block of `size` bytes, and is the one that `whole` is over.
template <Digest D>
bool is_list_of(ByteView list, Bytes size, ByteView whole) {
    if constexpr (D::size == 0) {
        return list.empty();
    } else {
        const auto blocks = (size.value + digest_block_size - 1) / digest_block_size;
        if (list.size() != blocks * D::size) return false;
        D digest;
        digest.update(list);
        return std::ranges::equal(digest.finish(), whole);
    }
}

/// Whether `list` has the digest of `bytes` for block `number`.
template <Digest D>
bool is_block_of(ByteView list, std::uint64_t number, ByteView bytes) {
    if constexpr (D::size == 0) {
        return true;
    } else {
        if (number >= list.size() / D::size) return false;
        D digest;
        digest.update(bytes);
        return std::ranges::equal(digest.finish(), list.subspan(static_cast<std::size_t>(number) * D::size, D::size));
    }
}

/// The list of block digests out of the pieces that marks persisted, one after the other.
/// @errors `store_invariant` where the pieces leave a gap or do not fit
/// @allocates the list
inline Result<std::vector<std::byte>> join_digest_pieces(ByteView pieces, std::size_t digest_size) {
    const Error malformed{Errc::store_invariant, Operation::decode};
    std::vector<std::byte> list;
    while (!pieces.empty()) {
        if (pieces.size() < 8) return malformed;
        const std::size_t first = load_le<std::uint32_t>(pieces.data());
        const std::size_t count = load_le<std::uint32_t>(pieces.data() + 4);
        pieces = pieces.subspan(8);
        if (digest_size == 0 ? count != 0 : count > pieces.size() / digest_size) return malformed;
        if (first * digest_size > list.size()) return malformed;
        list.resize(first * digest_size);
        list.insert(list.end(), pieces.begin(),
                    pieces.begin() + static_cast<std::ptrdiff_t>(count * digest_size));
        pieces = pieces.subspan(count * digest_size);
    }
    return list;
}

}  // namespace bobbin

#endif
