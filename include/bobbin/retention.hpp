#ifndef BOBBIN_RETENTION_HPP
#define BOBBIN_RETENTION_HPP

#include <bobbin/store/concept.hpp>

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

namespace bobbin::detail {

/// A deletion that the program's rows would not let happen.
struct Refusal {
    ObjectId object;
    Error error;
};

/// Deletes the oldest objects of streams that take more than they may, inside a transaction. Only
/// open directories count: what lies in others can't be deleted now, and newer objects must not go
/// in its place. `Places` tells of them: `growing(stream)` the bytes that count though no row does,
/// `remove_rows(tx, row)` the program's rows; `is_open(directory)` who may delete there.
template <class Transaction, class Places>
class Retention {
public:
    /// Keeps a transaction small; the rest follows in the next.
    static constexpr std::size_t most_at_once = 16;
    /// Rows that refuse so many deletions of a stream will refuse the next as well.
    static constexpr std::ptrdiff_t most_refusals = 16;

    /// @param refused whose deletion was refused before: the next oldest go in their place
    Retention(Transaction& tx, Places& places, std::span<const Refusal> refused)
        : tx_{tx}, places_{places}, refused_{refused} {
        for (const auto& refusal : refused) keep(refusal.object);
    }

    /// What this very transaction acknowledges is not taken back by it.
    void keep(ObjectId id) { kept_.push_back(id); }

    /// Brings `stream` down to `limit` as far as one transaction goes.
    /// @returns by how much it is still over
    Result<Bytes> lower(StreamId stream, Bytes limit) {
        if (limit >= no_limit) return Bytes{};
        if (auto loaded = load_usage(); !loaded) return loaded.error();
        const auto counts = [&](const UsageRow& row) {
            return row.stream == stream && places_.is_open(row.directory);
        };
        auto used = places_.growing(stream);
        for (const auto& row : *usage_)
            if (counts(row)) used += row.allocated;
        if (used <= limit) return Bytes{};
        auto oldest = deletable(counts);
        if (!oldest) return oldest.error();
        for (const auto& row : *oldest) {
            if (used <= limit) break;
            if (deleted_.size() >= most_at_once) {
                has_more_ = true;
                break;
            }
            if (auto removed = remove(row); !removed) return removed.error();
            used -= row.allocated;
        }
        if (used <= limit) return Bytes{};
        return used - limit;
    }

    /// Deletes one object from `directory`: the oldest of the stream that takes most of it. A stream
    /// that has nothing to give is passed over.
    Result<void> make_room(DirectoryId directory) {
        if (!places_.is_open(directory)) return {};
        if (std::ranges::find(deleted_, directory, &ObjectRow::directory) != deleted_.end()) return {};
        if (auto loaded = load_usage(); !loaded) return loaded;
        auto streams = *usage_;
        std::erase_if(streams, [&](const auto& row) { return row.directory != directory; });
        std::ranges::sort(streams, std::ranges::greater{}, &UsageRow::allocated);
        for (const auto& stream : streams) {
            auto oldest = deletable([&](const UsageRow& row) {
                return row.stream == stream.stream && row.directory == directory;
            });
            if (!oldest) return oldest.error();
            if (!oldest->empty()) return remove(oldest->front());
        }
        return {};
    }

    /// Deletes an object whatever the limits say; nothing where that has happened.
    Result<void> remove(ObjectId id) {
        auto row = tx_.object(id);
        if (!row) return row.error();
        const bool is_there = *row && ((*row)->state == ObjectState::committed ||
                                       (*row)->state == ObjectState::quarantined);
        if (!is_there) return {};
        if ((*row)->is_protected || !places_.is_open((*row)->directory))
            return Error{Errc::invalid_argument, Operation::remove, id};
        if (auto loaded = load_usage(); !loaded) return loaded;
        return remove(**row);
    }

    std::vector<ObjectRow> take_deleted() noexcept { return std::move(deleted_); }
    bool has_more() const noexcept { return has_more_; }
    /// The object whose deletion has failed.
    std::optional<ObjectId> failed() const noexcept { return failed_; }

private:
    Result<void> load_usage() {
        if (usage_) return {};
        auto usage = tx_.usage();
        if (!usage) return usage.error();
        usage_ = std::move(*usage);
        return {};
    }

    /// What may go, the oldest first, where `counts(usage row)`: enough for one transaction.
    template <class Counts>
    Result<std::vector<ObjectRow>> deletable(Counts counts) {
        std::vector<ObjectRow> all;
        for (const auto& row : *usage_) {
            if (row.objects == 0 || !counts(row) || refuses(row.stream)) continue;
            auto some = tx_.oldest(row.stream, row.directory, most_at_once + 1 + kept_.size());
            if (!some) return some.error();
            std::erase_if(*some, [&](const ObjectRow& object) {
                return std::ranges::find(kept_, object.id) != kept_.end();
            });
            all.insert(all.end(), some->begin(), some->end());
        }
        std::ranges::sort(all, {}, &ObjectRow::id);
        return all;
    }

    bool refuses(StreamId stream) const noexcept {
        return std::ranges::count_if(refused_, [&](const Refusal& refusal) {
                   return refusal.object.stream() == stream;
               }) >= most_refusals;
    }

    Result<void> remove(const ObjectRow& row) {
        auto removed = places_.remove_rows(tx_, row);
        if (removed) removed = tx_.make_garbage(row.id);
        if (!removed) {
            failed_ = row.id;
            return removed.about(row.id);
        }
        deleted_.push_back(row);
        for (auto& used : *usage_)
            if (row.state == ObjectState::committed && used.stream == row.id.stream() &&
                used.directory == row.directory) {
                used.allocated -= row.allocated;
                --used.objects;
            }
        return {};
    }

    Transaction& tx_;
    Places& places_;
    std::span<const Refusal> refused_;
    std::vector<ObjectId> kept_;
    std::optional<std::vector<UsageRow>> usage_;
    std::vector<ObjectRow> deleted_;
    std::optional<ObjectId> failed_;
    bool has_more_ = false;
};

}  // namespace bobbin::detail

#endif
