#ifndef BOBBIN_DETAIL_BYTE_QUEUE_HPP
#define BOBBIN_DETAIL_BYTE_QUEUE_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/result.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <new>
#include <vector>

namespace bobbin::detail {

/// Equal blocks of memory within a budget. Blocks that come back are kept for the next. External
/// sync.
class BlockPool {
public:
    static constexpr std::size_t block_size = 64 * 1024;
    using Block = std::unique_ptr<std::byte[]>;

    explicit BlockPool(Bytes budget) noexcept
        : most_{std::max<std::size_t>(2, static_cast<std::size_t>(budget.value / block_size))} {}

    std::size_t capacity() const noexcept { return most_; }
    std::size_t available() const noexcept { return most_ > used_ ? most_ - used_ : 0; }

    /// Goes over the budget: the caller has asked `available` before, where the budget counts.
    /// @returns empty where there is no memory
    Block take() noexcept {
        Block block;
        if (!idle_.empty()) {
            block = std::move(idle_.back());
            idle_.pop_back();
        } else {
            block.reset(new (std::nothrow) std::byte[block_size]);
        }
        if (block) ++used_;
        return block;
    }
    void give_back(Block block) noexcept {
        --used_;
        if (idle_.size() < idle_.capacity()) idle_.push_back(std::move(block));
    }
    Bytes used() const noexcept { return Bytes{used_ * block_size}; }

private:
    std::size_t most_;
    std::size_t used_ = 0;
    std::vector<Block> idle_ = [] {
        std::vector<Block> blocks;
        blocks.reserve(64);
        return blocks;
    }();
};

/// The bytes of one object that are still in memory: a range [begin, end) of its offsets. Grows at
/// its end, is released from its front. A span from `peek` stays valid while its bytes are not
/// released, whatever is appended. External sync.
class ByteQueue {
public:
    explicit ByteQueue(BlockPool& pool) : pool_{&pool} {}
    ByteQueue(ByteQueue&& other) noexcept = default;
    ByteQueue& operator=(ByteQueue&&) = delete;
    ~ByteQueue() { clear(); }

    std::uint64_t begin() const noexcept { return begin_; }
    std::uint64_t end() const noexcept { return end_; }

    std::size_t blocks_needed(std::size_t size) const noexcept {
        const auto room = blocks_.size() * BlockPool::block_size - (end_ - base_);
        return size <= room ? 0
                            : (size - room + BlockPool::block_size - 1) / BlockPool::block_size;
    }

    /// All or nothing. Goes over the pool's budget.
    /// @returns false where there is no memory
    bool append(ByteView bytes) noexcept {
        const auto blocks_before = blocks_.size();
        for (auto n = blocks_needed(bytes.size()); n != 0; --n) {
            auto block = pool_->take();
            if (block && push(block)) continue;
            if (block) pool_->give_back(std::move(block));
            while (blocks_.size() > blocks_before) {
                pool_->give_back(std::move(blocks_.back()));
                blocks_.pop_back();
            }
            return false;
        }
        while (!bytes.empty()) {
            const auto at = static_cast<std::size_t>(end_ - base_);
            const auto in_block = at % BlockPool::block_size;
            const auto part = bytes.first(std::min(bytes.size(), BlockPool::block_size - in_block));
            std::ranges::copy(part, blocks_[at / BlockPool::block_size].get() + in_block);
            end_ += part.size();
            bytes = bytes.subspan(part.size());
        }
        return true;
    }

    /// Takes the last `size` bytes back, which nobody has seen yet.
    void unappend(std::size_t size) noexcept { end_ -= size; }

    /// The bytes from `offset` on that lie in one piece, empty at the end.
    ByteView peek(std::uint64_t offset) const noexcept {
        if (offset < begin_ || offset >= end_) return {};
        const auto at = static_cast<std::size_t>(offset - base_);
        const auto in_block = at % BlockPool::block_size;
        const auto size = std::min<std::uint64_t>(BlockPool::block_size - in_block, end_ - offset);
        return {blocks_[at / BlockPool::block_size].get() + in_block, static_cast<std::size_t>(size)};
    }

    /// Bytes before `offset` are no longer needed; whole blocks go back to the pool.
    void release_until(std::uint64_t offset) noexcept {
        begin_ = std::max(begin_, std::min(offset, end_));
        // A partly filled block goes as well: others may need it more.
        if (begin_ == end_) return clear();
        while (begin_ - base_ >= BlockPool::block_size) drop_front();
    }

    void clear() noexcept {
        begin_ = end_;
        while (!blocks_.empty()) drop_front();
        base_ = end_;
    }

private:
    bool push(BlockPool::Block& block) noexcept {
        return without_throwing(Operation::append, [&]() -> Result<void> {
                   blocks_.push_back(std::move(block));
                   return {};
               }).has_value();
    }
    void drop_front() noexcept {
        pool_->give_back(std::move(blocks_.front()));
        blocks_.pop_front();
        base_ += BlockPool::block_size;
    }

    BlockPool* pool_;
    std::deque<BlockPool::Block> blocks_;
    std::uint64_t base_ = 0;   ///< offset of the first block's first byte
    std::uint64_t begin_ = 0;
    std::uint64_t end_ = 0;
};

}  // namespace bobbin::detail

#endif
