#ifndef BOBBIN_RETENTION_HPP
#define BOBBIN_RETENTION_HPP

#include <bobbin/store/concept.hpp>

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace bobbin::detail {

/// Deletes the oldest objects of streams that take more than they may, inside a transaction.
/// `Places` tells of the open directories: `growing(stream)` the bytes that count though no row
/// does, `remove_rows(tx, row)` the program's rows; `is_open(directory)` who may delete there.
template <class Transaction, class Places>
class Retention {
public:
    /// Keeps a transaction small; the rest follows in the next.
    static constexpr std::size_t most_at_once = 16;

    Retention(Transaction& tx, Places& places, std::span<const ObjectId> fresh) noexcept
        : tx_{tx}, places_{places}, fresh_{fresh} {}

    /// Brings `stream` down to `limit` as far as one transaction goes.
    /// @returns by how much it is still over
    Result<Bytes> lower(StreamId stream, Bytes limit) {
        if (limit >= no_limit) return Bytes{};
        if (auto loaded = load_usage(); !loaded) return loaded.error();
        auto used = places_.growing(stream);
        for (const auto& row : *usage_)
            if (row.stream == stream) used += row.allocated;
        if (used <= limit) return Bytes{};
        auto oldest = tx_.oldest(stream, most_at_once);
        if (!oldest) return oldest.error();
        for (const auto& row : *oldest) {
            if (used <= limit) break;
            if (deleted_.size() >= most_at_once) {
                has_more_ = true;
                break;
            }
            auto freed = remove(row);
            if (!freed) return freed.error();
            used -= *freed;
        }
        if (used > limit && oldest->size() == most_at_once && !deleted_.empty()) has_more_ = true;
        return used - limit;
    }

    /// Deletes one object from `directory`: the oldest of the stream that takes most of it.
    Result<void> make_room(DirectoryId directory) {
        if (auto loaded = load_usage(); !loaded) return loaded;
        // The largest stream first; one that has nothing to give is passed over.
        auto streams = *usage_;
        std::erase_if(streams, [&](const auto& row) {
            return row.directory != directory || row.objects == 0;
        });
        std::ranges::sort(streams, std::ranges::greater{}, &UsageRow::allocated);
        for (const auto& stream : streams) {
            auto oldest = tx_.oldest(stream.stream, most_at_once);
            if (!oldest) return oldest.error();
            for (const auto& row : *oldest) {
                if (row.directory != directory) continue;
                auto freed = remove(row);
                if (!freed) return freed.error();
                if (freed->value != 0) return {};
            }
        }
        return {};
    }

    std::vector<ObjectRow> take_deleted() noexcept { return std::move(deleted_); }
    bool has_more() const noexcept { return has_more_; }

private:
    Result<void> load_usage() {
        if (usage_) return {};
        auto usage = tx_.usage();
        if (!usage) return usage.error();
        usage_ = std::move(*usage);
        return {};
    }

    Result<Bytes> remove(const ObjectRow& row) {
        // What this very transaction acknowledges is not taken back by it.
        for (const auto id : fresh_)
            if (id == row.id) return Bytes{};
        if (!places_.is_open(row.directory)) return Bytes{};
        if (auto rows = places_.remove_rows(tx_, row); !rows) return rows.error();
        if (auto made = tx_.make_garbage(row.id); !made) return made.error();
        deleted_.push_back(row);
        for (auto& used : *usage_)
            if (used.stream == row.id.stream() && used.directory == row.directory) {
                used.allocated -= row.allocated;
                --used.objects;
            }
        return row.allocated;
    }

    Transaction& tx_;
    Places& places_;
    std::span<const ObjectId> fresh_;
    std::optional<std::vector<UsageRow>> usage_;
    std::vector<ObjectRow> deleted_;
    bool has_more_ = false;
};

}  // namespace bobbin::detail

#endif
