#ifndef BOBBIN_DETAIL_GROWING_HPP
#define BOBBIN_DETAIL_GROWING_HPP

#include <bobbin/core/clock.hpp>
#include <bobbin/detail/byte_queue.hpp>
#include <bobbin/digest/blocks.hpp>
#include <bobbin/store/rows.hpp>

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace bobbin::detail {

/// An object on its way from its first record to its last row. `C` is the composition.
///
/// Shared with writers and readers, under the directory's mutex: everything but the file, the
/// digests and what belongs to the mark; those are the worker's alone.
template <class C>
struct Growing {
    using Index = typename C::Index;
    using Record = typename Index::Record;
    using Facts = typename C::Rows::Facts;

    struct Entry {
        Record record;
        std::uint64_t size;
    };

    /// Why a file was given up.
    struct Failure {
        EndReason reason;
        Error error;
        ObjectState without_mark = ObjectState::garbage;
    };

    Growing(ObjectId object, Facts begun_with, BlockPool& pool)
        : id{object}, facts{std::move(begun_with)}, bytes{pool} {}

    ObjectId id;
    Facts facts;                     ///< as of its begin
    std::optional<Facts> end_facts;  ///< where its writer gave others
    Index index;
    ByteQueue bytes;
    std::deque<Entry> entries;  ///< the records since the last hard mark
    std::uint64_t written = 0;  ///< bytes that are with the kernel
    bool has_ended = false;
    EndReason reason = EndReason::growing;
    MonotonicTime ended_at{};
    std::uint64_t ticket = 0;  ///< rises with each object that ends
    std::vector<std::byte> index_so_far;  ///< all pieces taken, for readers of the growing object

    // The worker's.
    std::optional<typename C::File> file;
    std::uint64_t taken = 0;  ///< bytes that the file has taken, or holds back
    bool is_name_durable = false;
    BlockDigests<typename C::Digest> digests;
    std::vector<std::byte> piece;  ///< of the index, taken and not handed on yet
    std::vector<std::byte> tail;   ///< of what was taken: its last, partly filled sector
    std::uint32_t next_piece = 0;
    bool has_row = false;         ///< a change that puts it was handed on
    std::uint64_t soft_size = 0;  ///< of the last soft mark
    std::optional<ObjectRow> marked;  ///< the row as of the last hard mark
    std::uint32_t marked_blocks = 0;
    std::vector<std::byte> marked_tail;
    typename Index::Counts marked_counts{};
    MonotonicTime marked_at{};
    MonotonicTime soft_marked_at{};
    unsigned failures = 0;  ///< of writing it, in a row
    unsigned retries = 0;   ///< files that its records had before this one
    std::optional<Failure> broken;  ///< the file takes nothing further
    MonotonicTime not_before{};

    std::uint64_t size() const noexcept { return bytes.end(); }
    /// `more` follows what the file held.
    void keep_tail(ByteView more) {
        const auto partial = static_cast<std::size_t>((taken + more.size()) % sector_size);
        if (partial <= more.size()) {
            tail.assign(more.end() - static_cast<std::ptrdiff_t>(partial), more.end());
        } else {
            tail.insert(tail.end(), more.begin(), more.end());
        }
    }

    /// With the lock held, as its size is.
    bool has_news() const noexcept { return size() > marked_size(); }
    bool has_soft_news() const noexcept { return size() > std::max(marked_size(), soft_size); }
    /// That no hard mark has replaced.
    bool has_soft_mark() const noexcept { return soft_size > marked_size(); }
    std::uint64_t marked_size() const noexcept { return marked ? marked->size.value : 0; }
};

}  // namespace bobbin::detail

#endif
