#ifndef BOBBIN_PACK_PRUNE_HPP
#define BOBBIN_PACK_PRUNE_HPP

#include <bobbin/codec/none.hpp>
#include <bobbin/pack/live_chunks.hpp>
#include <bobbin/pack/pack_source.hpp>
#include <bobbin/pack/pack_view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

namespace bobbin::pack {

struct PruneOptions {
    /// A pack of which more is dead, in percent of its stored bytes, is written anew.
    unsigned dead_percent = 20;
    /// Packs smaller than a quarter of `pack_size` are put together from so many on.
    std::size_t small_packs = 16;
    Bytes pack_size = 64_MiB;  ///< of the store
};

struct PruneReport {
    std::uint64_t packs = 0;            ///< before
    std::uint64_t removed = 0;          ///< of which nothing was needed
    std::uint64_t rewritten = 0;        ///< of which something was
    Bytes before;                       ///< of the files
    Bytes dead;                         ///< that nothing needs, or another pack has, stored
    Bytes freed;                        ///< of packs that went, less what was written anew
    std::vector<PackProblem> problems;  ///< packs that were left as they are, as they can't be read
};

namespace detail {

/// A pack of which something is needed, and that is written anew.
struct Rewrite {
    ObjectId pack;
    Bytes size;
};
struct PrunePlan {
    PruneReport report;
    std::vector<ObjectId> remove;
    Bytes removed;                 ///< of the files of `remove`
    std::vector<Rewrite> rewrite;  ///< in the order of their numbers
};

/// Decides what goes and what is written anew.
template <class View>
class PrunePlanner {
public:
    PrunePlanner(const View& view, const LiveChunks& live, const PruneOptions& options) noexcept
        : view_{view}
        , live_{live}
        , options_{options} {}

    Result<PrunePlan> run() {
        PrunePlan plan;
        auto& report = plan.report;
        std::vector<Rewrite> small;
        // The newest first: a copy that an earlier prune has made is as good, and need not be made again.
        const auto& packs = view_.packs();
        for (std::size_t left = packs.size(); left > 0; --left) {
            const auto& row = packs[left - 1];
            ++report.packs;
            report.before += row.size;
            auto pack = view_.open(row.id);
            if (!pack && pack.error().is(Errc::out_of_memory)) return pack.error();
            if (!pack) {
                report.problems.push_back({row.id, pack.error()});
                continue;
            }
            const auto found = count(*pack);
            report.dead += Bytes{found.dead};
            if (!found.is_needed) {
                plan.remove.push_back(row.id);
                plan.removed += row.size;
            } else if (found.dead * 100 > found.stored * options_.dead_percent) {
                plan.rewrite.push_back({row.id, row.size});
                report.freed += Bytes{found.dead};
            } else if (row.size.value < options_.pack_size.value / 4) {
                small.push_back({row.id, row.size});
            }
        }
        if (small.size() >= options_.small_packs && small.size() > 1)
            plan.rewrite.insert(plan.rewrite.end(), small.begin(), small.end());
        std::ranges::sort(plan.rewrite, {}, &Rewrite::pack);
        report.freed += plan.removed;
        report.removed = plan.remove.size();
        report.rewritten = plan.rewrite.size();
        return plan;
    }

private:
    struct Count {
        bool is_needed = false;  ///< one of its chunks is alive
        std::uint64_t stored = 0;
        std::uint64_t dead = 0;
    };

    /// Stored bytes; of a record that is in part alive, by its raw bytes. A chunk that a later pack
    /// has counts as dead here, and is still needed: nobody has read the other copy.
    Count count(const typename View::Reader& pack) {
        Count found;
        std::vector<std::uint64_t> needed(pack.index().records().size());
        for (std::size_t n = 0; n < pack.chunks(); ++n) {
            const auto chunk = pack.chunk(n);
            if (!live_.contains(chunk.key)) continue;
            found.is_needed = true;
            if (kept_.insert(chunk.key).second)
                needed[static_cast<std::size_t>(chunk.place.record)] += chunk.place.length;
        }
        for (std::size_t n = 0; n < needed.size(); ++n) {
            const auto& shape = pack.index().records()[n].shape;
            found.stored += shape.stored;
            found.dead += shape.stored - shape.stored * needed[n] / shape.raw;
        }
        return found;
    }

    const View& view_;
    const LiveChunks& live_;
    PruneOptions options_;
    std::unordered_set<typename View::Key, KeyHash> kept_;
};

template <class Packs>
class Pruning {
public:
    using View = typename Packs::View;
    using Chunk = typename Packs::Chunk;

    Pruning(Packs& packs, const LiveChunks& live, const PruneOptions& options) noexcept
        : packs_{packs}
        , live_{live}
        , options_{options} {}

    template <class Exclude>
    Result<PruneReport> run(Exclude& exclude) {
        auto plan = PrunePlanner<View>{packs_.view(), live_, options_}.run();
        if (!plan) return plan.error();
        report_ = std::move(plan->report);
        remove_ = std::move(plan->remove);
        for (const auto& rewrite : plan->rewrite) going_.insert(rewrite.pack.value);
        if (auto removed = remove(exclude); !removed) return removed.error();
        auto gone = plan->removed;
        for (const auto& [pack, size] : plan->rewrite) {
            auto copied = copy(pack);
            if (!copied) return copied.error();
            if (!*copied) continue;
            remove_.push_back(pack);
            gone += size;
            // So that the disk needs room for no more than a pack or two.
            if (copied_.value >= options_.pack_size.value)
                if (auto moved = move(exclude); !moved) return moved.error();
        }
        if (auto moved = move(exclude); !moved) return moved.error();
        report_.freed = gone - written_;
        return std::move(report_);
    }

private:
    /// Puts what is alive of a pack into new ones, once.
    /// @returns false: not all of it can be read; what was copied is stored twice until the next time
    Result<bool> copy(ObjectId id) {
        auto pack = packs_.view().open(id);
        if (!pack) return pass_over(id, pack.error());
        for (std::uint64_t n = 0; n < pack->index().records().size(); ++n) {
            auto record = pack->read_encoded(n);
            if (!record) return pass_over(id, record.error());
            const auto shape = record->head.shape();
            auto chunks = claim(record->head);
            if (!chunks) return chunks.error();
            if (chunks->empty()) continue;
            const std::vector<std::byte> stored(record->stored.begin(), record->stored.end());
            // Also where it goes on as it is: what is damaged is not spread.
            auto raw = read(*pack, *chunks);
            if (!raw) {
                packs_.unclaim(*chunks);
                return pass_over(id, raw.error());
            }
            auto added = chunks->size() == shape.chunks ? add(*chunks, shape.codec, stored)
                                                        : add_rest(*chunks, shape.codec, *raw);
            if (!added) return added.error();
        }
        return true;
    }

    Result<void> add(const std::vector<Chunk>& chunks, std::uint8_t codec, ByteView stored) {
        copied_ += Bytes{stored.size()};
        written_ += Bytes{stored.size()};
        return packs_.add_encoded(chunks, codec, stored);
    }
    /// What is left of a record, by the codec that it had.
    Result<void> add_rest(const std::vector<Chunk>& chunks, std::uint8_t codec, ByteView raw) {
        if (codec == NoCodec::number) return add(chunks, codec, raw);
        packed_.resize(raw.size() - std::max<std::size_t>(raw.size() / 20, 1));
        const auto packed = codecs_.compress(codec, raw, packed_);
        if (!packed) return packed.error();
        const bool shrinks = *packed != 0 && raw.size() / highest_ratio <= *packed;
        return shrinks ? add(chunks, codec, ByteView{packed_}.first(*packed))
                       : add(chunks, NoCodec::number, raw);
    }

    /// Whether a pack that stays has the chunk, whole.
    bool has_good_copy(const typename View::Key& key) {
        return packs_.view().chunks().find_copy(key, [&](const PackedChunk& copy) {
            if (going_.contains(copy.pack.value)) return false;
            if (!others_) others_.emplace(packs_.view());
            return others_->read({copy.pack, 0, 0, key}).has_value();
        });
    }

    bool pass_over(ObjectId id, const Error& error) {
        report_.problems.push_back({id, error});
        return false;
    }

    /// Those of a record that are alive, and that nobody has copied and no pack that stays has.
    Result<std::vector<Chunk>> claim(const RecordHead& head) {
        std::vector<Chunk> chunks;
        std::optional<Error> failed;
        head.for_each([&](const ChunkEntry& entry) {
            Chunk chunk{{}, entry.length};
            std::ranges::copy(entry.key, chunk.key.begin());
            if (failed || !live_.contains(chunk.key) || has_good_copy(chunk.key)) return;
            auto is_mine = packs_.claim_copy(chunk.key);
            if (!is_mine)
                failed = is_mine.error();
            else if (*is_mine)
                chunks.push_back(chunk);
        });
        if (failed) return *failed;
        return chunks;
    }

    static Result<std::vector<std::byte>> read(typename View::Reader& pack,
                                               const std::vector<Chunk>& chunks) {
        std::vector<std::byte> raw;
        for (const auto& chunk : chunks) {
            const auto location = pack.find(chunk.key);
            if (!location) return Error{Errc::pack_malformed, Operation::read};
            auto bytes = pack.read(*location);
            if (!bytes) return bytes.error();
            raw.insert(raw.end(), bytes->begin(), bytes->end());
        }
        return raw;
    }

    /// What was copied is safe before what it was copied from goes.
    template <class Exclude>
    Result<void> move(Exclude& exclude) {
        if (auto safe = packs_.commit(); !safe) return safe;
        copied_ = {};
        return remove(exclude);
    }

    template <class Exclude>
    Result<void> remove(Exclude& exclude) {
        if (remove_.empty()) return {};
        auto nobody_reads = exclude();
        if (!nobody_reads) return nobody_reads.error();
        others_.reset();
        return packs_.remove(std::exchange(remove_, {}));
    }

    Packs& packs_;
    const LiveChunks& live_;
    PruneOptions options_;
    PruneReport report_;
    std::vector<ObjectId> remove_;             ///< once what was copied is safe
    std::unordered_set<std::uint64_t> going_;  ///< packs whose copies are not to be relied on
    std::optional<PackSource<View>> others_;
    typename View::Codecs codecs_;
    std::vector<std::byte> packed_;
    Bytes copied_;   ///< that is not safe yet
    Bytes written_;  ///< all of it
};

}  // namespace detail

/// What `prune` would do. Changes nothing.
/// @errors `out_of_memory`
template <class View>
Result<PruneReport> plan_prune(const View& view, const LiveChunks& live,
                               const PruneOptions& options) noexcept {
    return bobbin::detail::without_throwing(Operation::query, [&]() -> Result<PruneReport> {
        auto plan = detail::PrunePlanner<View>{view, live, options}.run();
        if (!plan) return plan.error();
        return std::move(plan->report);
    });
}

/// Removes what no tree needs: packs of which nothing is alive, and of others what is dead, by
/// writing anew what is alive. Needs room for a pack or two. It can be interrupted anywhere, and done
/// again: nothing goes before its copy is safe. Nothing else may use the store meanwhile.
/// @param live all that is needed; what is missing from it goes
/// @param exclude called before packs go: it gives a `Result` whose value, until it is destroyed, keeps
///   readers in other processes away
/// @errors of the store; those of `exclude`; as `PackStore::commit`; `out_of_memory`
template <class Packs, class Exclude>
Result<PruneReport> prune(Packs& packs, const LiveChunks& live, const PruneOptions& options,
                          Exclude&& exclude) noexcept {
    return bobbin::detail::without_throwing(Operation::remove, [&] {
        return detail::Pruning<Packs>{packs, live, options}.run(exclude);
    });
}

}  // namespace bobbin::pack

#endif
