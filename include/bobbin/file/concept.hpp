#ifndef BOBBIN_FILE_CONCEPT_HPP
#define BOBBIN_FILE_CONCEPT_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/policy.hpp>
#include <bobbin/core/sync_result.hpp>

#include <concepts>
#include <type_traits>

namespace bobbin {

/// How bytes reach the disk: one file that grows at its end. A wrapper models the same concept over
/// what it wraps, owns it by value and shows it as `next_layer()`.
///
/// | expression | result | meaning |
/// |---|---|---|
/// | `f.append(bytes)` | `Result<std::size_t>` | takes a prefix; less than asked only if the next call would fail |
/// | `f.flush()` | `Result<void>` | all that was taken is with the kernel |
/// | `f.sync()` | `SyncResult` | all that was taken is durable, or says why not; a failure is final |
/// | `f.close()` | `Result<void>` | never syncs; may be called twice |
/// | `f.size()` | `Bytes` | taken so far |
/// | `F::directory_type` | | the directory whose files it goes over |
///
/// Optional operations:
///
/// | expression | result | meaning | without |
/// |---|---|---|---|
/// | `f.write_at(bytes, offset)` | `Result<void>` | patches what is there, or goes on behind it | the file only grows |
/// | `f.truncate(size)` | `Result<void>` | cuts off or extends with zeros | an object ends where its row says |
/// | `f.write_uncached_at(bytes, offset, taken)` | `Result<void>` | `write_at` past the page cache | `append` |
///
/// Those for write-back, cached pages and blocks are the lowest file's: see `FileSystem`.
///
/// An error sticks to the file, never to more. External sync.
/// Models: `File<Fs>`, `NoOp`, `Writeback`, `Uncached`, `NfsSkip`, `Auto`, `Background`.
template <class F>
concept FilePolicy = PolicyFor<F, file_policy_tag> && std::movable<F> &&
                     requires(F& f, const F& c, ByteView bytes) {
                         typename F::directory_type;
                         { f.append(bytes) } noexcept -> std::same_as<Result<std::size_t>>;
                         { f.flush() } noexcept -> std::same_as<Result<void>>;
                         { f.sync() } noexcept -> std::same_as<SyncResult>;
                         { f.close() } noexcept -> std::same_as<Result<void>>;
                         { c.size() } noexcept -> std::same_as<Bytes>;
                     };

/// The file at the bottom of a stack of wrappers.
template <class F>
constexpr auto& lowest_layer(F& file) noexcept {
    if constexpr (requires { file.next_layer(); })
        return lowest_layer(file.next_layer());
    else
        return file;
}
template <class F>
using lowest_layer_t = std::remove_cvref_t<decltype(lowest_layer(std::declval<F&>()))>;

}  // namespace bobbin

#endif
