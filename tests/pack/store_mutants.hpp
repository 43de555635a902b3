// Steps of a store of packs that go wrong on purpose.
#ifndef BOBBIN_TESTS_PACK_STORE_MUTANTS_HPP
#define BOBBIN_TESTS_PACK_STORE_MUTANTS_HPP

#include <bobbin/file/concept.hpp>
#include <bobbin/pack/format.hpp>

#include <cstdint>
#include <span>
#include <utility>

namespace pack_tests {

using namespace bobbin;

/// A step that is left out, or done after the one that must follow it.
enum class Mutant : std::uint8_t {
    none,
    no_copies,         ///< what is alive is not written anew
    no_commit,         ///< nor made safe
    late_commit,       ///< but after the old packs are gone
    sees_no_first,     ///< of the trees, the first is not asked
    sees_no_nodes,     ///< no tree is asked
    forgets_snapshot,  ///< where nothing new was added
    no_sync,           ///< packs are not synced before their rows
};
inline thread_local Mutant mutant = Mutant::none;

/// A store whose steps go wrong as the mutant says.
template <class P>
class Bent {
public:
    using View = typename P::View;
    using Chunk = typename P::Chunk;
    using Key = typename P::Key;
    using Digest = typename P::Digest;

    explicit Bent(P& packs) noexcept : packs_{packs} {}

    const View& view() const noexcept { return packs_.view(); }
    auto& committer() noexcept { return packs_.committer(); }
    Result<bool> claim_copy(const Key& key) noexcept {
        if (mutant == Mutant::no_copies) return false;
        return packs_.claim_copy(key);
    }
    void unclaim(std::span<const Chunk> chunks) noexcept { packs_.unclaim(chunks); }
    Result<void> add_encoded(std::span<const Chunk> chunks, std::uint8_t codec, ByteView stored) {
        return packs_.add_encoded(chunks, codec, stored);
    }
    Result<void> add_group(std::span<const Chunk> chunks, ByteView raw) {
        return packs_.add_group(chunks, raw);
    }
    Result<void> commit() {
        if (mutant == Mutant::no_commit || mutant == Mutant::late_commit) return {};
        return packs_.commit();
    }
    Result<void> remove(std::span<const ObjectId> ids) {
        auto removed = packs_.remove(ids);
        if (removed && mutant == Mutant::late_commit) return packs_.commit();
        return removed;
    }
    Result<void> set_aside(std::span<const ObjectId> ids) { return packs_.set_aside(ids); }

private:
    P& packs_;
};

/// A file that goes wrong as the mutant says.
template <FilePolicy Next>
class BentFile {
public:
    using policy_concept = file_policy_tag;
    using directory_type = typename Next::directory_type;

    BentFile() = default;
    explicit BentFile(Next next) noexcept : next_{std::move(next)} {}

    Result<std::size_t> append(ByteView bytes) noexcept { return next_.append(bytes); }
    Result<void> flush() noexcept { return next_.flush(); }
    SyncResult sync() noexcept {
        return mutant == Mutant::no_sync ? SyncResult::durable() : next_.sync();
    }
    Result<void> close() noexcept { return next_.close(); }
    Bytes size() const noexcept { return next_.size(); }

    Next& next_layer() noexcept { return next_; }
    const Next& next_layer() const noexcept { return next_; }

private:
    Next next_;
};

}  // namespace pack_tests

#endif
