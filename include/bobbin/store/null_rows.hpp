#ifndef BOBBIN_STORE_NULL_ROWS_HPP
#define BOBBIN_STORE_NULL_ROWS_HPP

#include <bobbin/core/policy.hpp>
#include <bobbin/core/result.hpp>

#include <concepts>

namespace bobbin {

/// The program's own columns and tables, written in the same transaction as the object they speak
/// of.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `R::Facts` | regular | what the caller gives to `Writer::begin` and `Writer::end` |
/// | `r.begin(tx, id, facts)` | `Result<void>` | the object gets its row |
/// | `r.advance(tx, id, counts)` | `Result<void>` | a mark: what counts of it now |
/// | `r.commit(tx, id, counts, facts)` | `Result<void>` | it is complete; `facts` (a pointer) is null where recovery says so |
/// | `r.remove(tx, id)` | `Result<void>` | it turns to garbage |
/// | `c.split(facts, so_far, dropped)` | `Facts` | for the object in which the engine goes on by itself |
///
/// Called by one thread at a time, `split` while the engine's locks are held.
/// Models: `NullRows`, the programs' own.
template <class R, class Tx, class Counts>
concept Rows = PolicyFor<R, rows_tag> && std::copyable<typename R::Facts> &&
               std::default_initializable<typename R::Facts> &&
               requires(R& r, const R& c, Tx& tx, ObjectId id, const Counts& counts,
                        const typename R::Facts& facts) {
                   { r.begin(tx, id, facts) } -> std::same_as<Result<void>>;
                   { r.advance(tx, id, counts) } -> std::same_as<Result<void>>;
                   { r.commit(tx, id, counts, &facts) } -> std::same_as<Result<void>>;
                   { r.remove(tx, id) } -> std::same_as<Result<void>>;
                   { c.split(facts, counts, counts) } -> std::same_as<typename R::Facts>;
               };

struct NullRows {
    using policy_concept = rows_tag;
    struct Facts {};

    template <class Tx>
    Result<void> begin(Tx&, ObjectId, const Facts&) noexcept { return {}; }
    template <class Tx, class Counts>
    Result<void> advance(Tx&, ObjectId, const Counts&) noexcept { return {}; }
    template <class Tx, class Counts>
    Result<void> commit(Tx&, ObjectId, const Counts&, const Facts*) noexcept { return {}; }
    template <class Tx>
    Result<void> remove(Tx&, ObjectId) noexcept { return {}; }
    template <class Counts>
    Facts split(const Facts&, const Counts&, const Counts&) const noexcept { return {}; }
};

}  // namespace bobbin

#endif
