#ifndef BOBBIN_INDEX_CONCEPT_HPP
#define BOBBIN_INDEX_CONCEPT_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/ids.hpp>
#include <bobbin/core/policy.hpp>
#include <bobbin/core/result.hpp>

#include <concepts>
#include <type_traits>

namespace bobbin {

/// What a record is, where a group starts, the compact index of an object, and its counts.
///
/// An object's bytes say nothing about themselves. The index tells where each record lies and what
/// it is, is small enough to live in the object's row, and grows in pieces, so that a mark persists
/// only what is new.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `E::format_id` | `const FormatId` | names the index's bytes for ever |
/// | `E::Record` | trivially copyable | what the caller says of each record, next to its bytes |
/// | `E::Counts` | regular, trivially copyable | totals; a default one is that of an empty index |
/// | `E{}` | | the encoder of an empty index |
/// | `e.add(record, size)` | `Result<void>` | called once for each appended record; `size` in bytes |
/// | `c.starts_group(record)` | `bool` | whether a reader may begin at this record |
/// | `e.take_piece()` | `ByteView` | what was encoded since the last take; all pieces in order are the index |
/// | `c.counts()` | `Counts` | of all records added |
/// | `E::tally(counts, record, size)` | | adds one record to `counts`, of which nothing else is known |
/// | `E::count(index, size)` | `Result<Counts>` | decodes all of `index`, whose records must fill `size` bytes of data |
///
/// Optional:
///
/// | expression | result | without it |
/// |---|---|---|
/// | `E::records(index)` | an input range of what is known of each record, with members `offset` and `size` in bytes; where it may end early, `range.error()` tells why | no `StoredObject::read_records` |
/// | `E::has_totals_only` | `bool`, true: each piece is the totals so far, and the last one holds | a record is encoded once, and an index is the same bytes whenever its pieces were taken |
///
/// After an error of `add` the encoder is as it was before. A piece is valid until the next `add` or
/// `take_piece`. `count` accepts any bytes and reports what is wrong with them as a typed error.
/// External sync; `count` is a pure function.
///
/// A minimal model is `testing::MinimalIndex`; `testing::conformance::index_encoder` checks one.
/// Models: `NullIndex`, `VideoIndex`, `pack::PackIndex`.
template <class E>
concept IndexEncoder =
    PolicyFor<E, index_encoder_tag> && std::default_initializable<E> && std::movable<E> &&
    std::same_as<std::remove_cvref_t<decltype(E::format_id)>, FormatId> &&
    std::is_trivially_copyable_v<typename E::Record> && std::regular<typename E::Counts> &&
    std::is_trivially_copyable_v<typename E::Counts> &&
    requires(E& e, const E& c, typename E::Record record, ByteView index, Bytes size,
             typename E::Counts& counts) {
        { e.add(record, size) } noexcept -> std::same_as<Result<void>>;
        { c.starts_group(record) } noexcept -> std::same_as<bool>;
        { e.take_piece() } noexcept -> std::same_as<ByteView>;
        { c.counts() } noexcept -> std::same_as<typename E::Counts>;
        { E::tally(counts, record, size) } noexcept -> std::same_as<void>;
        { E::count(index, size) } noexcept -> std::same_as<Result<typename E::Counts>>;
    };

}  // namespace bobbin

#endif
