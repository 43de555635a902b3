#ifndef BOBBIN_PACK_REPAIR_HPP
#define BOBBIN_PACK_REPAIR_HPP

#include <bobbin/pack/pack_index.hpp>
#include <bobbin/pack/verify.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace bobbin::pack {

struct RepairReport {
    std::uint64_t salvaged = 0;  ///< chunks that had no other good copy
    std::uint64_t lost = 0;  ///< that are in no other pack, as far as index or store can count them
    std::vector<ObjectId> removed;  ///< packs of which all is elsewhere now, or whose file is gone
    std::vector<ObjectId>
        set_aside;  ///< of which something is lost: their files stay, for other tools
    /// Of which the disk gives nothing, and not all is elsewhere: it may be there again tomorrow.
    std::vector<PackProblem> left;
};

namespace detail {

template <class Packs>
class Repairing {
public:
    using Digest = typename Packs::Digest;
    using View = typename Packs::View;
    using Chunk = typename Packs::Chunk;

    Repairing(Packs& packs, const VerifyReport<Digest>& found) : packs_{packs} {
        for (const auto& problem : found.packs_damaged) bad_.push_back(problem.pack);
        for (const auto& problem : found.chunks_damaged) bad_.push_back(problem.pack);
        for (const auto& problem : found.unreadable) bad_.push_back(problem.pack);
        std::ranges::sort(bad_);
        bad_.erase(std::ranges::unique(bad_).begin(), bad_.end());
    }

    template <class Exclude>
    Result<RepairReport> run(Exclude& exclude) {
        for (const auto id : bad_)
            if (auto done = salvage(id); !done) return done.error();
        // Safe before what it was taken from goes.
        if (auto safe = packs_.commit(); !safe) return safe.error();
        if (!report_.removed.empty() || !report_.set_aside.empty()) {
            auto nobody_reads = exclude();
            if (!nobody_reads) return nobody_reads.error();
            if (auto gone = packs_.remove(report_.removed); !gone) return gone.error();
            if (auto aside = packs_.set_aside(report_.set_aside); !aside) return aside.error();
        }
        return std::move(report_);
    }

private:
    Result<void> salvage(ObjectId id) {
        // Its index says what is lost, too, where it can be read.
        auto pack = packs_.view().open(id);
        const bool has_index = pack.has_value();
        ScanReport scanned;
        const auto why = pack ? Error{} : pack.error();
        if (!pack) pack = packs_.view().scan(id, scanned);
        // Nothing was read, so nothing is known to be lost.
        const bool is_refused = why.domain == Domain::system && !why.is_errno(ENOENT);
        if (!pack && is_refused && pack.error().is(Errc::pack_empty)) return pass_over(id, why);
        if (!pack) return pass_over(id, pack.error());
        std::uint64_t kept = 0, lost = 0;
        bool has_answered = false;  // the disk, for any of it
        std::optional<Error> refused;
        auto saved = pack->for_each([&](const auto& location, auto&& read) -> Result<void> {
            const bool is_safe = is_elsewhere(location.key);
            if (is_safe && has_answered) {
                ++kept;
                return {};
            }
            const auto bytes = read();
            if (!bytes && bytes.error().is(Errc::out_of_memory)) return bytes.error();
            const bool is_read = bytes || bytes.error().domain != Domain::system;
            has_answered = has_answered || is_read;
            ++(is_safe || bytes ? kept : lost);
            if (is_safe) return {};
            if (!is_read) refused = bytes.error();
            return bytes ? keep(location.key, *bytes) : Result<void>{};
        });
        if (auto done = flush(); !done) return done;
        if (!saved) return saved;
        if (refused && !has_answered) {
            report_.left.push_back({id, *refused});
            return {};
        }
        if (!has_index) {
            auto all = count(id);
            if (!all) return all.error();
            // Chunks of a pack that was saved in this one may stand in `kept` for those it has lost.
            const std::uint64_t at_least = scanned.chunks_in_row < *all ? 1 : 0;
            lost = std::max(at_least, *all - std::min(*all, kept));
        }
        report_.lost += lost;
        (lost == 0 ? report_.removed : report_.set_aside).push_back(id);
        return {};
    }

    /// Stores a chunk once more, with others that shrink better together, unless a pack before this one had
    /// it, too.
    Result<void> keep(const typename Packs::Key& key, ByteView bytes) {
        if (bytes_.size() + bytes.size() > most_bytes || chunks_.size() == most_chunks)
            if (auto done = flush(); !done) return done;
        chunks_.push_back({key, static_cast<std::uint32_t>(bytes.size())});
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        auto is_mine = packs_.claim_copy(key);
        if (is_mine && *is_mine) return {};
        chunks_.pop_back();
        bytes_.resize(bytes_.size() - bytes.size());
        return is_mine ? Result<void>{} : is_mine.error();
    }
    Result<void> flush() {
        if (chunks_.empty()) return {};
        if (auto added = packs_.add_group(chunks_, bytes_); !added) return added;
        report_.salvaged += chunks_.size();
        chunks_.clear();
        bytes_.clear();
        return {};
    }

    /// Of which not one chunk can be read.
    Result<void> pass_over(ObjectId id, const Error& error) {
        if (error.is(Errc::out_of_memory)) return error;
        const bool is_gone = error.is_errno(ENOENT);
        if (!is_gone && !error.is(Errc::pack_empty)) {
            report_.left.push_back({id, error});
            return {};
        }
        auto all = count(id);
        if (!all) return all.error();
        report_.lost += *all;
        (is_gone ? report_.removed : report_.set_aside).push_back(id);
        return {};
    }

    /// In a pack that is not to be repaired.
    bool is_elsewhere(const typename Packs::Key& key) const {
        return packs_.view().chunks().find_copy(key, [&](const PackedChunk& copy) {
            return !std::ranges::binary_search(bad_, copy.pack);
        });
    }

    /// How many chunks the store says that a pack has; at least one.
    Result<std::uint64_t> count(ObjectId id) {
        auto& store = packs_.committer().store();
        auto row = store.object(id);
        if (!row) return row.error();
        if (!*row) return std::uint64_t{1};
        auto index = store.piece_bytes(id, PieceKind::index);
        if (!index) return index.error();
        const auto counts = PackIndex::count(*index, (*row)->size);
        return counts ? std::max<std::uint64_t>(counts->chunks, 1) : 1;
    }

    static constexpr std::size_t most_bytes = std::size_t{1} << 20;

    Packs& packs_;
    std::vector<ObjectId> bad_;
    std::vector<Chunk> chunks_;  ///< of the next record
    std::vector<std::byte> bytes_;
    RepairReport report_;
};

}  // namespace detail

/// A `ChunkSink` that takes what the packs have not, and what they have and can't serve. What a tree
/// has of that is saved with it before the repair. Must not outlive the packs.
template <class Packs>
class RepairSink {
public:
    using Key = typename Packs::Key;
    using Chunk = typename Packs::Chunk;

    RepairSink(Packs& packs, const VerifyReport<typename Packs::Digest>& found)
        : packs_{packs}
        , health_{packs.view(), found} {}

    bool contains(const Key& key) const { return !health_(key); }
    Result<bool> claim(const Key& key) {
        if (contains(key)) return false;
        return packs_.claim_copy(key);
    }
    Result<void> add_encoded(std::span<const Chunk> chunks, std::uint8_t codec, ByteView stored) {
        return packs_.add_encoded(chunks, codec, stored);
    }

private:
    Packs& packs_;
    ChunkHealth<typename Packs::View, typename Packs::Digest> health_;
};

/// Saves what can be read of packs that a verification has found to be damaged: it is stored once
/// more, and the damaged ones are read no more. What is lost comes back by saving what it came from.
/// A pack of which the disk gives nothing is left as it is, unless all of it is elsewhere.
/// @param exclude as of `prune`
/// @errors of the store; those of `exclude`; as `PackStore::commit`; `out_of_memory`
template <class Packs, class Exclude>
Result<RepairReport> repair(Packs& packs, const VerifyReport<typename Packs::Digest>& found,
                            Exclude&& exclude) noexcept {
    return bobbin::detail::without_throwing(Operation::recover, [&] {
        return detail::Repairing<Packs>{packs, found}.run(exclude);
    });
}

}  // namespace bobbin::pack

#endif
