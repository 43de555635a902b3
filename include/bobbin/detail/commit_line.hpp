#ifndef BOBBIN_DETAIL_COMMIT_LINE_HPP
#define BOBBIN_DETAIL_COMMIT_LINE_HPP

#include <bobbin/detail/port.hpp>

#include <functional>
#include <type_traits>

namespace bobbin::detail {

/// Once more where the store's disk is full: it has given up its reserve.
template <class F>
auto with_reserve(F f) -> std::invoke_result_t<F&> {
    auto done = f();
    if (!done && done.error().kind() == ErrorKind::no_space) done = f();
    return done;
}

/// What a directory asks of the committer, whatever its control policies. Internally synchronised;
/// `wake` and `make_room` may be called with a directory's locks held.
template <class Store>
struct CommitLine {
    using Transaction = typename Store::Transaction;
    using Job = std::function<Result<void>(Transaction&)>;

    virtual ~CommitLine() = default;
    virtual Store& store() noexcept = 0;

    virtual void attach(Port<Transaction>& port) = 0;
    /// Waits for the transaction under way; what of the port was not committed is dropped.
    virtual void detach(Port<Transaction>& port) noexcept = 0;

    /// The stream's next number in `directory`, for the only writer that it has until `release`.
    /// @errors `stream_in_use`, `stream_unknown`; of the store
    virtual Result<Sequence> claim(StreamId stream, DirectoryId directory) = 0;
    virtual void release(StreamId stream, Sequence next) noexcept = 0;

    /// Runs `job` in a transaction of its own, in line with the others.
    virtual Result<void> execute(Job job) = 0;
    /// One pass over all streams.
    virtual Result<void> retain() = 0;
    /// Deletes the oldest that may go from `directory`, whatever the limits say.
    virtual void make_room(DirectoryId directory) noexcept = 0;
    virtual void wake() noexcept = 0;
    virtual bool has_thread() const noexcept = 0;
    /// Steps, if no thread does. @returns whether anything was done
    virtual bool help() = 0;
};

}  // namespace bobbin::detail

#endif
